// `npm test`: types, lint, format, then jest. The last line sums all of them up; the exit code is 0 only if nothing failed.

"use strict"

const { spawn } = require("node:child_process")
const { mkdtempSync, readFileSync, rmSync } = require("node:fs")
const { tmpdir } = require("node:os")
const { join } = require("node:path")
const { coverageJudge, coverageStart } = require("./coverage.cjs")

const root = join(__dirname, "..")
const sum = { passed: 0, failed: 0, skipped: 0 }

/** Runs a package's command with this Node, and shows its output when it comes ("inherit") or at the end. Answers whether it succeeded. */
function run(script, parameters, { environment = {}, output = "inherit" } = {}) {
    const started = Date.now()
    const child = spawn(process.execPath, [join(root, "node_modules", script), ...parameters], {
        cwd: root,
        stdio: ["ignore", output, output],
        env: { ...process.env, ...environment },
    })
    const chunks = []
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", chunk => chunks.push(chunk))
    return new Promise(resolve => {
        child.on("error", error => chunks.push(Buffer.from(`${error.message}\n`)))
        child.on("close", code => {
            const seconds = ((Date.now() - started) / 1000).toFixed(1)
            process.stdout.write(Buffer.concat(chunks))
            process.stdout.write(`${code === 0 ? "ok    " : "FAILED"}  ${script.split("/")[0]}  ${seconds} s\n`)
            resolve(code === 0)
        })
    })
}

/** A checker that only says yes or no counts as one test. */
async function check(script, parameters) {
    if (await run(script, parameters, { output: "pipe" })) sum.passed++
    else sum.failed++
}

/** Jest's own counts; a suite that could not even be loaded counts as one failure. */
async function jest(parameters, environment) {
    const folder = mkdtempSync(join(tmpdir(), "otary-test-"))
    const report = join(folder, "jest.json")
    const good = await run("jest/bin/jest.js", ["--ci", "--json", `--outputFile=${report}`, ...parameters], { environment })
    try {
        const counts = JSON.parse(readFileSync(report, "utf8"))
        sum.passed += counts.numPassedTests
        sum.failed += counts.numFailedTests + counts.numRuntimeErrorTestSuites
        sum.skipped += counts.numPendingTests + counts.numTodoTests
        if (!good && counts.numFailedTests + counts.numRuntimeErrorTestSuites === 0) sum.failed++
    } catch (error) {
        process.stderr.write(`jest left no report: ${error.message}\n`)
        sum.failed++
    } finally {
        rmSync(folder, { recursive: true, force: true })
    }
}

/** Every suite, over a firmware that counts which of its lines and branches run; that all do is one more test. */
async function jestWithCoverage() {
    const coverage = coverageStart()
    try {
        await jest(coverage.parameters, coverage.environment)
        if (coverageJudge(coverage.result())) sum.passed++
        else sum.failed++
    } finally {
        coverage.remove()
    }
}

async function main() {
    await Promise.all([
        check("typescript/bin/tsc", ["--noEmit"]),
        check("eslint/bin/eslint.js", ["--max-warnings", "0", "."]),
        check("prettier/bin/prettier.cjs", ["--check", "--log-level", "warn", "."]),
    ])
    // What a part of the suites reaches says nothing.
    if (process.argv.length > 2) await jest(process.argv.slice(2))
    else await jestWithCoverage()
    process.stdout.write(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`)
    process.exitCode = sum.failed === 0 ? 0 : 1
}

void main()
