// Rebuild the runtime of JavaScript clients, templates/js, from that of
// TypeScript clients, templates/ts: node codegen/dev/js.mjs [--check].
//
// Types are taken out, everything else stays as it was written. The packages it
// needs are those of tests/generator/js; the tests install them in .cache/npm.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const require = createRequire(join(root, ".cache", "npm", "package.json"));
const ts = require("typescript");
const prettier = require("prettier");
const { default: blankSpace } = await import(require.resolve("ts-blank-space"));

const source = join(root, "templates", "ts");
const target = join(root, "templates", "js");

/** The modules whose types a client's own declarations refer to. */
const DECLARED = [
  "grpc",
  "serving/errors",
  "serving/meaning",
  "serving/pixels",
  "serving/version",
  "testing",
];
const TYPES = "serving/types";

const isType = (statement) =>
  ts.isInterfaceDeclaration(statement) ||
  ts.isTypeAliasDeclaration(statement) ||
  (ts.isImportDeclaration(statement) && statement.importClause?.isTypeOnly);

/** The text without its types, and without the comments on them. */
function toJavaScript(text) {
  let rest = text;
  const file = ts.createSourceFile("x.ts", text, ts.ScriptTarget.ESNext, true);
  for (const statement of file.statements.filter(isType).reverse()) {
    const start = statement.jsDoc?.[0]?.pos ?? statement.getStart();
    rest = rest.slice(0, start) + rest.slice(statement.end + "\n".length);
  }
  return blankSpace(rest);
}

/** The declarations of what a module exports, laid out as the module is. */
function toDeclarations(text) {
  const compilerOptions = {
    target: "es2022",
    module: "nodenext",
    stripInternal: true,
  };
  const { outputText } = ts.transpileDeclaration(text, { compilerOptions });
  const spaced = outputText
    // The compiler declares this one twice, as a property and as a method.
    .replace(/^.*static \[Symbol\.hasInstance\]: .*\n/m, "")
    .replace(/^(\/\*\*|export )/gm, "\n$1")
    .replace(/^( ?\*\/|\/\*\*.*\*\/)\n\n/gm, "$1\n");
  const header = text.slice(0, text.indexOf("\n\n"));
  return `${header}\n\n${spaced.replace(`${header}\n`, "")}`;
}

async function* outputs() {
  const format = (path, text) => prettier.format(text, { filepath: path });
  for (const path of readdirSync(source, { recursive: true })) {
    if (!path.endsWith(".ts")) continue;
    const text = readFileSync(join(source, path), "utf8");
    const name = path.slice(0, -".ts".length);
    if (name === TYPES) yield [`${name}.d.ts`, text];
    if (DECLARED.includes(name)) {
      const made = toDeclarations(text);
      yield [`${name}.d.ts`, await format(`${name}.d.ts`, made)];
    }
    const made = toJavaScript(text);
    const isEmpty = !/^(?!\/[/*]|export \{\})\S/m.test(made);
    if (!isEmpty) yield [`${name}.js`, await format(`${name}.js`, made)];
  }
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

for await (const [path, text] of outputs()) {
  const file = join(target, path);
  if (process.argv.includes("--check")) {
    if (read(file) === text) continue;
    console.error(`templates/js/${path} is stale: run codegen/dev/js.mjs`);
    process.exitCode = 1;
  } else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
