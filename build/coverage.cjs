// The coverage gate: runs the firmware's suites over an instrumented copy of the project and fails below 100 % of lines and branches.

"use strict"

const { spawnSync } = require("node:child_process")
const { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } = require("node:fs")
const { tmpdir } = require("node:os")
const { join } = require("node:path")
const { createInstrumenter } = require("istanbul-lib-instrument")

const root = join(__dirname, "..")
/** What the suites need; the firmware is put beside it instrumented. */
const COPIED = ["build", "docs", "host", "shims", "test", "package.json", "tsconfig.json"]
/** Suites that run the core as a board does: built into a bundle, evaluated anew at every boot. */
const SUITES = ["test/firmware/", "test/attacks/"]
/** What covers nothing that the others do not, and takes its time: test vectors, and a whole cloud. */
const LEFT_OUT = ["test/firmware/lms.test.ts", "test/firmware/agent-cloud.test.ts"]

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
        const short = `const $1Table = (globalThis as any).__coverage__[${JSON.stringify(path)}]\nconst $1 = () => $1Table`
        writeFileSync(join(folder, "firmware", name), code.replace(/function (cov_\w+)\(\) \{[\s\S]*?\n\}\n\1\(\);/, short))
        tables[path] = instrumenter.lastFileCoverage()
    }
    writeFileSync(join(folder, "tables.cjs"), `globalThis.__coverage__ = ${JSON.stringify(tables)}\n`)
}

function jestConfig() {
    return {
        ...require(join(root, "jest.config.cjs")),
        setupFiles: ["<rootDir>/tables.cjs"],
        testPathIgnorePatterns: LEFT_OUT,
        collectCoverage: true,
        // Jest instruments nothing itself: it collects what the counters say, and holds it against the threshold.
        collectCoverageFrom: ["!**"],
        coverageReporters: [["text", { skipFull: true }]],
        coverageThreshold: { global: { lines: 100, branches: 100 } },
    }
}

function run(folder) {
    instrument(folder)
    for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true })
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir")
    writeFileSync(join(folder, "jest.json"), JSON.stringify(jestConfig()))
    const jest = join(root, "node_modules/jest/bin/jest.js")
    const options = { cwd: folder, stdio: "inherit" }
    return spawnSync(process.execPath, [jest, "--ci", "--silent", "--config", "jest.json", ...SUITES], options).status ?? 1
}

const folder = mkdtempSync(join(tmpdir(), "otary-coverage-"))
try {
    process.exitCode = run(folder)
} finally {
    rmSync(folder, { recursive: true, force: true })
}
