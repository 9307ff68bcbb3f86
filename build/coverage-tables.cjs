// Loaded ahead of every suite of a run that measures coverage: gives the instrumented firmware its tables of counters.

"use strict"

const { readFileSync } = require("node:fs")
const { join } = require("node:path")

let tables

globalThis.__coverage__ = {}

/** The table of a file, the same one for every boot of every board of a suite. Read when a suite first asks for one. */
globalThis.otaryCoverage = path => {
    tables ??= JSON.parse(readFileSync(join(process.env.OTARY_COVERAGE, "tables.json"), "utf8"))
    return (globalThis.__coverage__[path] ??= tables[path])
}
