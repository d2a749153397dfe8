// Search shows a few lines of each page that it finds, and fetches the page for them. Where the site is read from files
// browsers do not allow that; there it shows titles alone.
if (window.location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
