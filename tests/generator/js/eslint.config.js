import js from "@eslint/js";
import globals from "globals";

// Only what Node and browsers share may be used.
export default [
  js.configs.recommended,
  { languageOptions: { globals: globals["shared-node-browser"] } },
];
