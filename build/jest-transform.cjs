// Lets jest run TypeScript: esbuild takes the types off and makes CommonJS. Results are cached by content.

const { createHash } = require("node:crypto")
const { readFileSync } = require("node:fs")
const { basename, dirname, join } = require("node:path")
const esbuild = require("esbuild")

const options = { format: "cjs", platform: "node", target: "node20", sourcemap: "inline" }
const self = readFileSync(__filename)
const firmware = join(__dirname, "../firmware")

/** What takes the file's place in a run that measures coverage (build/coverage.cjs): firmware/ with counters in it. */
function sourceOf(source, path) {
    const folder = process.env.OTARY_COVERAGE
    if (folder === undefined || dirname(path) !== firmware) return source
    return readFileSync(join(folder, "firmware", basename(path)), "utf8")
}

module.exports = {
    getCacheKey(source, path) {
        const hash = createHash("sha256").update(self).update(esbuild.version).update(path).update("\0")
        return hash.update(sourceOf(source, path)).digest("hex")
    },
    process(source, path) {
        return { code: esbuild.transformSync(sourceOf(source, path), { ...options, loader: "ts", sourcefile: path }).code }
    },
}
