// Coverage of the firmware: the tests' boards and imports run an instrumented copy of it, and what they leave out is listed.

"use strict"

const { spawnSync } = require("node:child_process")
const { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } = require("node:fs")
const { tmpdir } = require("node:os")
const { basename, join } = require("node:path")
const { createInstrumenter } = require("istanbul-lib-instrument")

const root = join(__dirname, "..")
/** Suites that reach all of the firmware, for a run of the gate alone. */
const SUITES = ["test/firmware/", "test/attacks/", "test/sign/"]
/** Given to jest beside the suites. Jest instruments nothing itself: it collects what the counters of the copy say. */
const OPTIONS = ["--coverage", "--collectCoverageFrom=!**", "--coverageReporters=json"]

/**
 * Counters go into the TypeScript itself, so that esbuild bundles them like any other code and places stay those of the source.
 * Their tables are taken out of the code, which boards in tests evaluate thousands of times, and installed once a suite.
 */
function instrument(folder) {
    const instrumenter = createInstrumenter({ esModules: true, compact: false, parserPlugins: ["typescript"] })
    const tables = {}
    mkdirSync(join(folder, "firmware"))
    for (const name of readdirSync(join(root, "firmware")).filter(file => file.endsWith(".ts"))) {
        const path = join(root, "firmware", name)
        const code = instrumenter.instrumentSync(readFileSync(path, "utf8"), path)
        const short = `const $1Table = (globalThis as any).otaryCoverage(${JSON.stringify(path)})\nconst $1 = () => $1Table`
        writeFileSync(join(folder, "firmware", name), code.replace(/function (cov_\w+)\(\) \{[\s\S]*?\n\}\n\1\(\);/, short))
        tables[path] = instrumenter.lastFileCoverage()
    }
    writeFileSync(join(folder, "tables.json"), JSON.stringify(tables))
}

/**
 * Gets ready to measure. Returns what jest is to be run with: `parameters`, `environment` (build/jest-transform.cjs and
 * test/firmware/bundle.ts look for OTARY_COVERAGE), then `result()`, the list of what was not reached, and `remove()`.
 */
function coverageStart() {
    const folder = mkdtempSync(join(tmpdir(), "otary-coverage-"))
    instrument(folder)
    const setup = join(root, "build/coverage-tables.cjs")
    return {
        parameters: [...OPTIONS, `--coverageDirectory=${join(folder, "result")}`, `--setupFiles=${setup}`],
        environment: { OTARY_COVERAGE: folder },
        result() {
            const tables = JSON.parse(readFileSync(join(folder, "tables.json"), "utf8"))
            const reached = JSON.parse(readFileSync(join(folder, "result/coverage-final.json"), "utf8"))
            return missing(tables, reached)
        },
        remove: () => rmSync(folder, { recursive: true, force: true }),
    }
}

/** The lines and branches that no test has reached, as `file:line what`; a file that no suite has loaded counts as a whole. */
function missing(tables, reached) {
    const problems = new Set()
    for (const [path, table] of Object.entries(tables)) {
        const name = `firmware/${basename(path)}`
        const { s, b, statementMap, branchMap } = reached[path] ?? table
        for (const [id, count] of Object.entries(s))
            if (count === 0) problems.add(`${name}:${statementMap[id].start.line} never runs`)
        for (const [id, counts] of Object.entries(b)) {
            const { type, loc } = branchMap[id]
            const place = `${name}:${loc.start.line}:${loc.start.column + 1}`
            for (const [at, count] of counts.entries())
                if (count === 0) problems.add(`${place} ${type}: way ${at + 1} is never taken`)
        }
    }
    return [...problems]
}

/** Prints what is missing. Returns whether nothing is. */
function coverageJudge(problems) {
    if (problems.length > 0) process.stdout.write(`${problems.join("\n")}\n`)
    process.stdout.write(`${problems.length === 0 ? "ok    " : "FAILED"}  coverage of firmware/: every line and branch\n`)
    return problems.length === 0
}

module.exports = { coverageJudge, coverageStart }

if (require.main === module) {
    const coverage = coverageStart()
    const jest = join(root, "node_modules/jest/bin/jest.js")
    const suites = process.argv.length > 2 ? process.argv.slice(2) : SUITES
    try {
        const options = { cwd: root, stdio: "inherit", env: { ...process.env, ...coverage.environment } }
        const { status } = spawnSync(process.execPath, [jest, "--ci", "--silent", ...suites, ...coverage.parameters], options)
        process.exitCode = coverageJudge(coverage.result()) && status === 0 ? 0 : 1
    } finally {
        coverage.remove()
    }
}
