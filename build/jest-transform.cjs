// Lets jest run TypeScript: esbuild takes the types off and makes CommonJS. Results are cached by content.

const { createHash } = require("node:crypto")
const { readFileSync } = require("node:fs")
const esbuild = require("esbuild")

const options = { format: "cjs", platform: "node", target: "node20", sourcemap: "inline" }
const self = readFileSync(__filename)

module.exports = {
    getCacheKey(source, path) {
        return createHash("sha256").update(self).update(esbuild.version).update(path).update("\0").update(source).digest("hex")
    },
    process(source, path) {
        return { code: esbuild.transformSync(source, { ...options, loader: "ts", sourcefile: path }).code }
    },
}
