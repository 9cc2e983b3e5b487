// Starts Swagger UI with the documents that the page names; it stands in a file of its own, since the page's policy forbids inline scripts.
"use strict";

const root = document.getElementById("swagger-ui");

// The packaged logo styles itself inline, which the page's policy forbids; a name needs no style of its own.
const Name = (system) => ({
  components: { Logo: () => system.React.createElement("span", { className: "name" }, document.title) },
});

window.ui = SwaggerUIBundle({
  domNode: root,
  urls: JSON.parse(root.dataset.documents),
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  plugins: [Name],
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
