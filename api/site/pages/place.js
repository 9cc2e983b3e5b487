// Leads from an address that names a line of a log to the part of the log that has it.

function lead() {
  const found = /^#L([1-9][0-9]{0,8})$/.exec(location.hash);
  if (!found || document.getElementById(`L${found[1]}`)) return;
  const wanted = new URL(location.href);
  if (wanted.searchParams.get("line") === found[1]) return;
  wanted.search = `?line=${found[1]}`;
  location.replace(wanted.href);
}

lead();
addEventListener("hashchange", lead);
