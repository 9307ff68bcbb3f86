// What eslint looks for: a few general rules everywhere, and Otary's own rules where code runs on boards.

"use strict"

const parser = require("@typescript-eslint/parser")
const otary = require("./build/eslint/index.cjs")

/** Code that runs on every engine, and the shim for Lua. build/language-check.ts looks at what Espruino gets. */
const constrained = ["firmware/**/*.ts", "shims/nodemcu/**/*.ts"]

module.exports = [
    { ignores: ["dist/", "coverage/"] },
    { linterOptions: { reportUnusedDisableDirectives: "error" } },
    {
        files: ["**/*.ts", "**/*.cjs"],
        rules: {
            "array-callback-return": "error",
            eqeqeq: "error",
            "no-constant-binary-expression": "error",
            "no-constant-condition": ["error", { checkLoops: "allExceptWhileTrue" }],
            "no-control-regex": "error",
            "no-dupe-keys": "error",
            "no-eval": "error",
            "no-implied-eval": "error",
            "no-irregular-whitespace": "error",
            "no-self-compare": "error",
            "no-sparse-arrays": "error",
            "no-unreachable": "error",
            "no-unsafe-finally": "error",
            "no-unsafe-negation": "error",
            "no-unused-expressions": "error",
            "no-var": "error",
            "prefer-const": "error",
            "use-isnan": "error",
            "valid-typeof": "error",
        },
    },
    { files: ["**/*.ts"], languageOptions: { parser } },
    { files: ["**/*.cjs"], languageOptions: { sourceType: "commonjs" }, rules: { "no-unused-vars": "error" } },
    {
        files: [...constrained, "shims/espruino/**/*.ts", "shims/host/**/*.ts"],
        languageOptions: { parserOptions: { project: "tsconfig.json", tsconfigRootDir: __dirname } },
        plugins: { otary },
        rules: { "otary/hot-allocates-nothing": "error" },
    },
    { files: constrained, rules: { "otary/engine-subset": "error" } },
    { files: ["firmware/bytes.ts"], rules: { "otary/engine-subset": ["error", { divides: true }] } },
]
