// Runs a TypeScript file of the project with Node: node build/run.cjs FILE.ts [arguments]

"use strict"

const { basename, join, relative } = require("node:path")
const { bundle, root } = require("./dist.cjs")

const file = process.argv[2]
if (file === undefined) {
    process.stderr.write("usage: node build/run.cjs FILE.ts [arguments]\n")
    process.exit(2)
}
const output = join(root, "dist", `${basename(file, ".ts")}.js`)
bundle(relative(root, file), output)
process.argv.splice(1, 2, file)
require(output)
