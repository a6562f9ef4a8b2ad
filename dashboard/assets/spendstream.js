/* Tells the page which theme holds: the viewer may switch it, and "auto" follows the system at any time.
   Also rests while nobody looks: a hidden tab asks for nothing. */
(function () {
  function tell(id, props) {
    if (window.dash_clientside && window.dash_clientside.set_props && document.getElementById("shell")) {
      window.dash_clientside.set_props(id, props);
    }
  }
  new MutationObserver(function () {
    tell("colours", { data: document.documentElement.getAttribute("data-mantine-color-scheme") });
  }).observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
  document.addEventListener("visibilitychange", function () {
    tell("refresh", { disabled: document.hidden });
    tell("refresh-options", { disabled: document.hidden });
  });
})();
