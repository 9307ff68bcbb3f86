#!/usr/bin/env node
// The `otary` command: brings dist/ up to date with the sources (a moment, and only in a checkout), then runs it.

"use strict"

const { join } = require("node:path")
const { distBuild, distIsOld } = require("../../build/dist.cjs")

if (distIsOld()) {
    try {
        distBuild()
    } catch (error) {
        process.stderr.write(`otary: dist/ is older than the sources and cannot be built: ${error.message}\n`)
        process.stderr.write("otary: mend the source, or run `npm ci` as the user that owns this folder\n")
        process.exit(1)
    }
}
require(join(__dirname, "../../dist/otary.js"))
