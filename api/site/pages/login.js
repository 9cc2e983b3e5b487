// Takes the line of a log that was wanted along to GitHub and back; the address of a form keeps it by itself.

const way = document.getElementById("github");
if (way && /^#L[1-9][0-9]{0,11}$/.test(location.hash)) {
  const address = new URL(way.href);
  address.searchParams.set("next", address.searchParams.get("next") + location.hash);
  way.href = address.href;
}
