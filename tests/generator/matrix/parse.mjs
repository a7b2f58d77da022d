// Reads files of generated JavaScript and TypeScript, a JSON object a line, by acorn and by
// TypeScript's own parser, and prints what each says of signatures.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The folder that has node_modules is the first argument.
const require = createRequire(`${process.argv[2]}/`);
const acorn = require("acorn");
const ts = require("typescript");

/** The value of a literal in acorn's tree; undefined for anything else. */
function ofAcorn(node) {
  switch (node?.type) {
    case "Literal":
      return node.value;
    case "ArrayExpression":
      return node.elements.map(ofAcorn);
    case "ObjectExpression":
      return new Map(
        node.properties.map(({ key, value }) => [key.name, ofAcorn(value)]),
      );
  }
}

function* javascript(text) {
  const options = { ecmaVersion: 2022, sourceType: "module" };
  for (const statement of acorn.parse(text, options).body) {
    for (const { init } of statement.declarations ?? []) yield ofAcorn(init);
  }
}

/** The same of TypeScript's tree. */
function ofTypeScript(node) {
  if (node === undefined) return undefined;
  if (ts.isStringLiteral(node)) return node.text;
  if (ts.isArrayLiteralExpression(node)) return node.elements.map(ofTypeScript);
  if (!ts.isObjectLiteralExpression(node)) return undefined;
  return new Map(
    node.properties.map(({ name, initializer }) => [
      name.text,
      ofTypeScript(initializer),
    ]),
  );
}

function* typescript(path, text) {
  const target = ts.ScriptTarget.ES2022;
  const tree = ts.createSourceFile(path, text, target);
  for (const { messageText } of tree.parseDiagnostics) throw messageText;
  for (const statement of tree.statements) {
    for (const { initializer } of statement.declarationList?.declarations ?? [])
      yield ofTypeScript(initializer);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { client, path, text } = JSON.parse(line);
  try {
    const values = path.endsWith(".ts")
      ? typescript(path, text)
      : javascript(text);
    for (const value of values) {
      if (!(value instanceof Map) || !value.has("inputs")) continue;
      const names = (key) =>
        [...(value.get(key)?.values() ?? [])].map((spec) => spec.get("name"));
      const signature = {
        client,
        name: value.get("name"),
        inputs: names("inputs"),
        outputs: names("outputs"),
        features: names("features"),
      };
      console.log(JSON.stringify(signature));
    }
  } catch (error) {
    throw new Error(`${client}: ${path}: ${error}`);
  }
}
