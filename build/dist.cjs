// Builds dist/, what Node runs: one bundle for the command line and one for the process of an emulated board.

"use strict"

const { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } = require("node:fs")
const { dirname, join } = require("node:path")

const root = join(__dirname, "..")
const dist = join(root, "dist")
const sources = ["build", "firmware", "host", "shims"]
/** Bundle in dist/ → its entry. An entry that a trimmed checkout lacks is left out. */
const entries = { "otary.js": "host/cli/main.ts", "board-child.js": "host/board/child.ts" }

/** The youngest change in a folder in ms since 1970. Folders count too: a file that was removed changes them. */
function newestMs(folder) {
    let newest = statSync(folder).mtimeMs
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name)
        newest = Math.max(newest, entry.isDirectory() ? newestMs(path) : statSync(path).mtimeMs)
    }
    return newest
}

/** Whether a source is younger than dist/, or dist/ is not there. A few hundred stat calls: some milliseconds. */
function distIsOld() {
    const built = join(dist, "otary.js")
    if (!existsSync(built)) return true
    const builtMs = statSync(built).mtimeMs
    return sources.some(folder => newestMs(join(root, folder)) > builtMs)
}

/** Bundles one entry for Node 20 and moves the result into place at once, so that a command in another terminal never sees half a file. */
function bundle(entry, output) {
    const { buildSync } = require("esbuild")
    const result = buildSync({
        absWorkingDir: root,
        entryPoints: [entry],
        outfile: output,
        bundle: true,
        platform: "node",
        target: "node20",
        format: "cjs",
        packages: "external",
        sourcemap: "inline",
        sourcesContent: false,
        logLevel: "silent",
        write: false,
    })
    const temporary = `${output}.${process.pid}`
    mkdirSync(dirname(output), { recursive: true })
    writeFileSync(temporary, result.outputFiles[0].contents)
    renameSync(temporary, output)
}

/** Builds all of dist/. Throws esbuild's error when a source is broken. The command line comes last: its time is dist's. */
function distBuild() {
    const started = new Date()
    for (const [name, entry] of Object.entries(entries).reverse()) {
        if (existsSync(join(root, entry))) bundle(entry, join(dist, name))
    }
    // A source that changes while it is being built must count as younger.
    if (existsSync(join(dist, "otary.js"))) utimesSync(join(dist, "otary.js"), started, started)
}

module.exports = { bundle, distBuild, distIsOld, root }

if (require.main === module) distBuild()
