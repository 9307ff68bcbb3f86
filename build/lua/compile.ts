// From the flat TypeScript text to Lua: compiled, cut into modules again, each name where it costs least.

import { statSync } from "node:fs"
import ts from "typescript"
import * as tstl from "typescript-to-lua"
import { PackError } from "../errors"
import { type FlatName, type FlatText, flatten, MODULE_MARK } from "./flatten"
import { luaLiteral } from "./literal"
import { compilerOptions, diagnosticText, type LuaInput, readProgram, virtualHost } from "./program"
import { squeezeLua } from "./squeeze"
import { stringsPlugin } from "./strings"

/** Local names of the bundle's outermost function, module blocks included: NodeMCU's Lua 5.1 allows 50 in a function. */
const LOCALS_MAX = 50
/** Locals that the compiler may add by itself in a module's own statements. */
const LOCALS_SPARE = 4

/** Lua's functions under the short names that the bundle uses: a local costs less than a field of a global each time. */
const ALIASES: readonly (readonly [alias: string, source: string])[] = [
    ["_byte", "string.byte"],
    ["_sub", "string.sub"],
    ["_find", "string.find"],
    ["_char", "string.char"],
    ["_band", "bit.band"],
    ["_bor", "bit.bor"],
    ["_bxor", "bit.bxor"],
    ["_shl", "bit.lshift"],
    ["_shr", "bit.rshift"],
    ["_floor", "math.floor"],
    ["_str", "tostring"],
    ["_type", "type"],
]

/** Path of the flat text; it exists in memory only. */
const FLAT_PATH = "/otary-bundle.ts"

function compile(root: string, flat: FlatText, appChar: number): string {
    const options: tstl.CompilerOptions = {
        ...compilerOptions(root),
        paths: {},
        noEmit: false,
        luaTarget: tstl.LuaTarget.LuaJIT,
        luaLibImport: tstl.LuaLibImportKind.Inline,
        noImplicitSelf: true,
        noHeader: true,
        luaPlugins: [{ plugin: stringsPlugin(appChar) }],
    }
    const host = virtualHost(root, options, new Map([[FLAT_PATH, flat.text]]))
    // Types were checked before; here they are looked up where the compiler needs them.
    const program = ts.createProgram({ rootNames: [FLAT_PATH], options, host })
    let lua = ""
    const { diagnostics } = new tstl.Transpiler().emit({ program, writeFile: (_, text) => void (lua = text) })
    if (diagnostics.length === 0 && lua !== "") return lua
    throw new PackError("PACK_BUNDLE", diagnosticText(root, diagnostics), "leave out what Lua has no words for")
}

/** Lines without indentation and comments. The compiler writes a string on one line, so none is touched. */
function tightened(lines: readonly string[]): string {
    let text = lines
        .map(line => line.trim())
        .filter(line => line !== "" && !line.startsWith("--"))
        .map(line => `${line}\n`)
        .join("")
    for (const [alias, source] of ALIASES) {
        text = text.replace(new RegExp(`(?<![\\w.:"'])${source.replace(".", "\\.")}\\(`, "g"), `${alias}(`)
    }
    return text
}

/** Which names are locals of the whole bundle, and which of their module's block; all others are globals. */
interface Places {
    readonly shared: readonly string[]
    readonly own: readonly (readonly string[])[]
}

function usesOf(names: readonly FlatName[], count: number): number {
    return names.slice(0, Math.max(count, 0)).reduce((sum, { uses }) => sum + uses, 0)
}

/** Splits the few locals between names that many modules use and names of one module so that most uses are covered. */
function placesOf(names: readonly FlatName[], modules: number): Places {
    const sorted = [...names].sort((a, b) => b.uses - a.uses)
    const isOwn = ({ users, module }: FlatName): boolean => [...users].every(user => user === module)
    const shared = sorted.filter(name => !isOwn(name))
    const own = Array.from({ length: modules }, (_, module) => sorted.filter(name => isOwn(name) && name.module === module))
    const room = LOCALS_MAX - ALIASES.length - LOCALS_SPARE
    let best = 0
    let covered = -1
    for (let count = 0; count <= room; count++) {
        const sum = usesOf(shared, count) + own.reduce((total, list) => total + usesOf(list, room - count), 0)
        if (sum > covered) [best, covered] = [count, sum]
    }
    const namesOf = (list: readonly FlatName[], count: number): string[] => list.slice(0, count).map(({ name }) => name)
    return { shared: namesOf(shared, best), own: own.map(list => namesOf(list, room - best)) }
}

function localLine(names: readonly string[]): string {
    return names.length === 0 ? "" : `local ${names.join(",")}\n`
}

/** The Lua text of each module: its functions first, wherever the compiler put them, then its statements. */
function modulesOf(lua: string, flat: FlatText): { helpers: string; modules: string[] } {
    const moduleOf = new Map(flat.names.map(({ name, module }) => [name, module]))
    const functions: string[][] = []
    const statements: string[][] = [[]]
    const lines = lua.split("\n")
    for (let at = 0; at < lines.length; at++) {
        const name = /^function (\w+)\(/.exec(lines[at]!)?.[1]
        const module = name === undefined ? undefined : moduleOf.get(name)
        if (lines[at] === `${MODULE_MARK}()`) statements.push([])
        else if (module === undefined) statements.at(-1)!.push(lines[at]!)
        else {
            const end = lines.indexOf("end", at)
            ;(functions[module] ??= []).push(...lines.slice(at, end + 1))
            at = end
        }
    }
    const [helpers = [], ...rest] = statements
    const texts = rest.map((own, module) => tightened([...(functions[module] ?? []), ...own]))
    return { helpers: tightened(helpers), modules: texts }
}

/** Puts the compiled modules behind one another, each in a block with its own locals. */
function assemble(lua: string, flat: FlatText): string {
    const { helpers, modules } = modulesOf(lua, flat)
    const places = placesOf(flat.names, modules.length)
    const blocks = modules.map((text, module) => (text === "" ? "" : `do ${localLine(places.own[module]!)}${text}end\n`)).join("")
    const used = ALIASES.filter(([alias]) => blocks.includes(`${alias}(`))
    const aliases = `local ${used.map(([alias]) => alias).join(",")}=${used.map(([, source]) => source).join(",")}\n`
    return `${aliases}${localLine(places.shared)}${helpers}${blocks}`
}

/** A bundle that was made before, and the files that it was made of as they were. */
interface Made {
    readonly text: string
    readonly files: readonly (readonly [path: string, changedMs: number])[]
}

/** Bundles by their entries: packing makes the same one twice, with another build id. */
const made = new Map<string, Made>()

function changedMs(path: string): number {
    return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** The bundle's text with names in the places of what is known at build time only. */
function makeText(input: LuaInput, appPath: string | undefined): string {
    const key = JSON.stringify(input)
    const known = made.get(key)
    if (known?.files.every(([path, ms]) => changedMs(path) === ms)) return known.text
    const program = readProgram(input)
    const flat = flatten(program)
    const appIndex = program.modules.findIndex(file => file.fileName === appPath)
    const text = squeezeLua(assemble(compile(input.root, flat, markOffset(flat.text, appIndex)), flat))
    made.set(key, { text, files: program.modules.map(({ fileName }) => [fileName, changedMs(fileName)]) })
    return text
}

/**
 * Makes a Lua bundle: source text in UTF-8. `appPath` is the entry that, with its own modules, gets the whole language.
 * `constants` are the values of names such as `__OTARY_IMAGE__`, which modules declare and nobody defines.
 * Throws PackError PACK_BUNDLE with file, line and column.
 */
export function bundleLua(input: LuaInput, constants: Readonly<Record<string, unknown>>, appPath?: string): string {
    return makeText(input, appPath).replace(/\b__OTARY_\w+__\b/g, name => `(${luaLiteral(constants[name])})`)
}

/** Where the `module`-th module begins in the flat text; its end for none. */
function markOffset(text: string, module: number): number {
    if (module < 0) return text.length
    let at = text.indexOf(`${MODULE_MARK}()`)
    for (let count = 0; count < module; count++) at = text.indexOf(`${MODULE_MARK}()`, at + 1)
    return at
}
