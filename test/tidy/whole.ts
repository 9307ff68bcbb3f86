// The tidy rules that look at the project as a whole: unused files, and codes that documentation must explain.

import { posix } from "node:path"
import { importsOf, isCode, isTarget, type SourceFile } from "./tree"

/** Where the product starts; what none of these reaches is not used. */
const ENTRIES = [
    /^host\/cli\/(main\.ts|otary\.cjs)$/,
    /^host\/board\/child\.ts$/,
    // Apps, which are packed and never imported.
    /^(host\/cli\/demo|docs\/examples)\/[^/]+\/app\.ts$/,
    /^shims\/[a-z]+\/(main|loader)\.ts$/,
    // What images have that ask for it (build/rooms.ts).
    /^firmware\/(push|serial)\.ts$/,
    /^shims\/(espruino|nodemcu)\/(mqtt|uart)\.ts$/,
    // In bundles for the ESP8266, what others import as esp32.ts.
    /^shims\/nodemcu\/esp8266\.ts$/,
    // In bundles without keys, unsigned.ts is what others import as signature.ts.
    /^firmware\/(agent|api|unsigned)\.ts$/,
    /^build\/(test|run|jest-transform|coverage|coverage-tables)\.cjs$/,
    /^build\/size-report\.ts$/,
    /^[^/]+\.config\.cjs$/,
]
/** Where the tests start. */
const TEST_ENTRIES = [
    /^test\/.*\.test\.ts$/,
    /^test\/bench\/(main|size)\.ts$/,
    /^test\/power-loss\/torture\.ts$/,
    /^test\/fuzz\/fuzz-main\.ts$/,
    // Programs that tests start as processes of their own.
    /^test\/sign\/signer-process\.ts$/,
    /^test\/scenarios\/(cloud|kills)-main\.ts$/,
    /^test\/bench\/checkin-load\.ts$/,
    /^test\/engines\/espruino\/measure\.ts$/,
]

function reach(files: readonly SourceFile[], entries: readonly RegExp[]): Set<string> {
    const reached = new Set<string>()
    const visit = (file: SourceFile): void => {
        if (reached.has(file.path)) return
        reached.add(file.path)
        for (const { target } of importsOf(file)) {
            if (target !== undefined) files.filter(({ path }) => isTarget(target, path) || path === target).forEach(visit)
        }
    }
    files.filter(({ path }) => entries.some(entry => entry.test(path))).forEach(visit)
    return reached
}

/** Code that nothing uses: product files that no part of the product reaches, test helpers that no test reaches. */
export function unusedFiles(files: readonly SourceFile[]): string[] {
    const code = files.filter(isCode)
    const product = reach(code, ENTRIES)
    const tests = reach(code, TEST_ENTRIES)
    return code
        .map(({ path }) => path)
        .filter(path => !product.has(path) && !(path.startsWith("test/") && tests.has(path)) && !path.endsWith(".d.cts"))
}

/** Codes that have no heading of their own in docs/errors.md. A heading holds the code, and a status also its number. */
export function undocumentedCodes(headings: readonly string[], documentation: string): string[] {
    const lines = new Set(documentation.split("\n").filter(line => line.startsWith("### ")))
    return headings.filter(heading => !lines.has(`### ${heading}`))
}

/** The status codes of firmware/status.ts as headings: `STATUS_ZIP_CRC (-15)`. */
export function statusHeadings(statusSource: string): string[] {
    return [...statusSource.matchAll(/^export const (STATUS_\w+) = (-?\d+)$/gm)].map(([, name, number]) => `${name} (${number})`)
}

/** The codes in a union of quoted codes, such as `"PACK_SYNTAX"`, as headings. */
export function codeHeadings(source: string): string[] {
    return [...source.matchAll(/"([A-Z]+_[A-Z_]+)"/g)].map(([, code]) => code!)
}

/** Relative links in documentation that lead nowhere: neither to a file of the project nor to a folder that holds one. */
export function deadLinks(files: readonly SourceFile[]): string[] {
    const paths = files.map(({ path }) => path)
    return files
        .filter(({ path }) => path.endsWith(".md"))
        .flatMap(({ path, text }) =>
            [...text.matchAll(/\]\((?![a-z]+:|#)([^)#]+)/g)]
                .map(([, link]) => posix.join(posix.dirname(path), link!))
                .filter(target => !paths.some(found => found === target || found.startsWith(target.replace(/\/?$/, "/"))))
                .map(target => `${path} links to ${target}`),
        )
}
