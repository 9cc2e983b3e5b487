// Starts Swagger UI with the documents that the page names; it stands in a file of its own, since the page's policy forbids inline scripts.
"use strict";

const root = document.getElementById("swagger-ui");

window.ui = SwaggerUIBundle({
  domNode: root,
  urls: JSON.parse(root.dataset.documents),
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: "StandaloneLayout",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  // Nothing is asked of other servers, and a token is forgotten with the page.
  validatorUrl: null,
  persistAuthorization: false,
  queryConfigEnabled: false,
});
