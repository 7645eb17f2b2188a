// Starts the API description page. A file of its own, because the content security policy allows no inline script.
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: document.getElementById("schema").dataset.url,
    dom_id: "#schema",
    deepLinking: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
  });
});
