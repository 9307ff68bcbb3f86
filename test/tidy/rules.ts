// The tidy rules: each takes a file and answers with what is wrong in it, as sentences that name the line.

import ts from "typescript"
import { importsOf, isCode, lineOf, type SourceFile, treeOf, walk } from "./tree"

/** What is wrong in a file; nothing when it is empty. */
export type TidyRule = (file: SourceFile) => string[]

const LINES_MAX = 400
const LINE_CHARS_MAX = 140
const FUNCTION_LINES_MAX = 70

const SHARED = ["firmware/constants.ts", "firmware/status.ts"]
/**
 * Room → the rooms and files that it may import, its own apart; the longest room that fits a path counts.
 * `packages` are those of npm and Node that it may import; all, when it is not there.
 */
const ROOMS: Record<string, { readonly from: readonly string[]; readonly packages?: readonly string[] }> = {
    firmware: { from: [], packages: [] },
    "shims/host": { from: ["firmware"] },
    // The modules that Espruino itself brings.
    "shims/espruino": { from: ["firmware"], packages: ["Flash", "Storage", "crypto", "http", "net", "tls"] },
    "shims/nodemcu": { from: ["firmware"], packages: [] },
    build: { from: [...SHARED, "shims/espruino/layout.ts"] },
    "host/board": { from: ["firmware", "shims/host", "shims/espruino/layout.ts"] },
    // build/lms-verify.ts checks signatures and knows no secret: uploads are held against public keys (attack 22).
    "host/cloud": { from: [...SHARED, "firmware/version.ts", "host/cloud/domain", "build/lms-verify.ts"] },
    "host/cloud/domain": { from: ["firmware/version.ts", "host/cloud/domain/policy"], packages: [] },
    // Regular expressions in linear time are pure, too; and `otary policy check` works without a cloud.
    "host/cloud/domain/policy": { from: ["firmware/version.ts"], packages: ["re2js"] },
    "host/cli": { from: ["build", "host/board", "host/cloud/cloud.ts", "host/cloud/domain"] },
    "host/dashboard": { from: [] },
    test: { from: ["build", "firmware", "host", "shims"] },
}

const isIn = (path: string, place: string): boolean => path === place || `${path}.ts` === place || path.startsWith(`${place}/`)

function roomOf(path: string): string | undefined {
    return Object.keys(ROOMS)
        .filter(room => isIn(path, room))
        .sort((a, b) => b.length - a.length)[0]
}

/** Imports go one way (DESIGN, section 1); nothing imports test/. */
export const importsOneWay: TidyRule = file => {
    const room = roomOf(file.path)
    if (room === undefined || !isCode(file)) return []
    const { from, packages } = ROOMS[room]!
    return importsOf(file).flatMap(({ specifier, target }) => {
        const isAllowed =
            target === undefined
                ? (packages?.includes(specifier) ?? true)
                : roomOf(target) === room || from.some(place => isIn(target, place))
        return isAllowed ? [] : [`${room} may not import ${specifier}`]
    })
}

/** The first line says what the file is for; a launcher's `#!` line may come before it. */
export const firstLineSays: TidyRule = file => {
    if (!isCode(file)) return []
    const [first = "", second = ""] = file.text.split("\n")
    return /^\/\/ \S.{9,}/.test(first.startsWith("#!") ? second : first)
        ? []
        : ["the first line does not say what the file is for"]
}

/** Files stay short enough to be read in one go. */
export const filesAreShort: TidyRule = file => {
    const lines = file.text.split("\n").length - 1
    return isCode(file) && lines > LINES_MAX ? [`${lines} lines (${LINES_MAX} at most)`] : []
}

/** Lines fit a screen. */
export const linesAreShort: TidyRule = file =>
    !isCode(file)
        ? []
        : file.text
              .split("\n")
              .flatMap((line, at) =>
                  line.length > LINE_CHARS_MAX
                      ? [`line ${at + 1} has ${line.length} characters (${LINE_CHARS_MAX} at most)`]
                      : [],
              )

/** Functions stay short enough to be understood at once. */
export const functionsAreShort: TidyRule = file => {
    const problems: string[] = []
    if (!isCode(file)) return problems
    walk(file, node => {
        if (!ts.isFunctionLike(node)) return
        const lines = node.getText().split("\n").length
        if (lines > FUNCTION_LINES_MAX)
            problems.push(`line ${lineOf(file, node)}: a function of ${lines} lines (${FUNCTION_LINES_MAX} at most)`)
    })
    return problems
}

function isExported(node: ts.Statement): boolean {
    return ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
}

/** Everything exported has a docblock. Constants on adjacent lines may share one. */
export const exportsAreDocumented: TidyRule = file => {
    if (!isCode(file)) return []
    let documentedEnd = -1
    return treeOf(file).statements.flatMap(node => {
        const lead = file.text.slice(node.getFullStart(), node.getStart())
        const isNext =
            ts.isVariableStatement(node) && node.getFullStart() === documentedEnd && lead.trim() === "" && !lead.includes("\n\n")
        const isDocumented = isNext || lead.includes("/**")
        if (isDocumented) documentedEnd = node.end
        return isExported(node) && !isDocumented ? [`line ${lineOf(file, node)}: exported without a docblock`] : []
    })
}

/** Names that firmware/ has no business with: what one platform alone has, and ways around the type checker. */
const FIRMWARE_WORDS = new Set(
    "Buffer process console require window document module exports Uint8Array Int32Array ArrayBuffer DataView eval arguments".split(
        " ",
    ),
)

/** The core knows no platform. */
export const firmwareKnowsNoPlatform: TidyRule = file => {
    const problems: string[] = []
    if (roomOf(file.path) !== "firmware" || !isCode(file)) return problems
    walk(file, node => {
        const isBanned = (ts.isIdentifier(node) && FIRMWARE_WORDS.has(node.text)) || node.kind === ts.SyntaxKind.AnyKeyword
        if (isBanned) problems.push(`line ${lineOf(file, node)}: ${node.getText()} has no place in firmware/`)
    })
    return problems
}

const IGNORES = /\b(istanbul|c8|v8)\s+ignore\b/
const IGNORES_WITH_REASON = /\bistanbul ignore (if|else|next) -- \w.{9,}\*\//

/** What the coverage gate leaves out says why on its line: `istanbul ignore next -- reason`. */
export const coverageGapsHaveReasons: TidyRule = ({ path, text }) =>
    isIn(path, "firmware")
        ? text
              .split("\n")
              .flatMap((line, at) =>
                  IGNORES.test(line) && !IGNORES_WITH_REASON.test(line)
                      ? [`line ${at + 1} leaves coverage out without a reason`]
                      : [],
              )
        : []

/** Paths of one machine and hosts of package registries, spelled so that this file passes its own rule. */
const MACHINE_WORDS = [
    /(^|[\s"'`(=:])\/(work|root|home)\/\w/,
    /registry\.(npmjs|yarnpkg)\./,
    /\b(pkg\.dev|jfrog\.io|npm\.pkg\.github)\b/,
]

/** The project stands on any machine. */
export const noMachineWords: TidyRule = ({ text }) =>
    text
        .split("\n")
        .flatMap((line, at) =>
            MACHINE_WORDS.some(word => word.test(line)) ? [`line ${at + 1} names a path of one machine or a registry`] : [],
        )

const MARKS = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`)

/** Nothing is left for later without a home: unfinished work belongs in the issue tracker. */
export const noUnfinishedMarks: TidyRule = ({ text }) =>
    text.split("\n").flatMap((line, at) => (MARKS.test(line) ? [`line ${at + 1} marks unfinished work`] : []))

const ALONE = /\b(it|test|describe)\.only\b|\bf(it|describe)\(/
const OFF = /\b(it|test|describe)(\.each)?\.(skip|todo)\b|\bx(it|test|describe)\(/

/** No test runs alone; one that is switched off says why: `// skipped: …` on its line or the one before. */
export const noSilentSkips: TidyRule = file => {
    const lines = file.text.split("\n")
    if (!file.path.endsWith(".test.ts") || file.path === "test/tidy.test.ts") return []
    return lines.flatMap((line, at) => {
        if (ALONE.test(line)) return [`line ${at + 1}: a test that runs alone`]
        const says = /\/\/ skipped: \S/.test(`${lines[at - 1] ?? ""}\n${line}`)
        return OFF.test(line) && !says ? [`line ${at + 1}: a test is switched off without // skipped: and a reason`] : []
    })
}
