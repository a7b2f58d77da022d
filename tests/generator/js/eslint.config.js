import js from "@eslint/js";
import globals from "globals";
import ts from "typescript-eslint";

// Only what Node and browsers share may be used, but for gRPC.
export default [
  js.configs.recommended,
  { languageOptions: { globals: globals["shared-node-browser"] } },
  { files: ["**/grpc*.js"], languageOptions: { globals: globals.node } },
  ...ts.configs.recommended.map((config) => ({
    files: ["**/*.ts"],
    ...config,
  })),
];
