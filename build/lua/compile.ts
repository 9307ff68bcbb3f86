// From the flat TypeScript text to Lua: compiled, cut into modules again, each name where it costs least.

import { statSync } from "node:fs"
import ts from "typescript"
import * as tstl from "typescript-to-lua"
import { PackError } from "../errors"
import { coldNames, joinCold, namesIn, splitCold, type ColdBundle } from "./cold"
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

/** The compiler's output, taken apart. */
interface Pieces {
    readonly helpers: string
    /** Functions of each module by their names, wherever the compiler put them. */
    readonly functions: readonly (readonly [name: string, module: number, text: string])[]
    /** Statements of each module. */
    readonly statements: readonly string[]
}

function piecesOf(lua: string, flat: FlatText): Pieces {
    const moduleOf = new Map(flat.names.map(({ name, module }) => [name, module]))
    const functions: [string, number, string][] = []
    const statements: string[][] = [[]]
    const lines = lua.split("\n")
    for (let at = 0; at < lines.length; at++) {
        const name = /^function (\w+)\(/.exec(lines[at]!)?.[1]
        const module = name === undefined ? undefined : moduleOf.get(name)
        if (lines[at] === `${MODULE_MARK}()`) statements.push([])
        else if (module === undefined) statements.at(-1)!.push(lines[at]!)
        else {
            const end = lines.indexOf("end", at)
            functions.push([name!, module, tightened(lines.slice(at, end + 1))])
            at = end
        }
    }
    const [helpers = [], ...rest] = statements
    return { helpers: tightened(helpers), functions, statements: rest.map(tightened) }
}

/**
 * Puts the compiled modules behind one another, each in a block with its own locals, its functions ahead of its statements. `exported`
 * functions and constants are globals, too.
 */
function assemble(
    { helpers, functions, statements }: Pieces,
    names: readonly FlatName[],
    exported: ReadonlySet<string> = new Set(),
): string {
    const places = placesOf(names, statements.length)
    const block = (text: string, module: number): string => {
        const own = functions.filter(([, of]) => of === module)
        const locals = new Set([...places.shared, ...places.own[module]!])
        const isTold = (name: string): boolean => exported.has(name) && locals.has(name)
        const told = (list: readonly string[]): string[] => list.filter(isTold).map(name => `_G.${name}=${name}\n`)
        const consts = names.filter(name => name.isConst && name.module === module).map(({ name }) => name)
        const all = [...own.map(([, , one]) => one), ...told(own.map(([name]) => name)), text, ...told(consts)].join("")
        return all === "" ? "" : `do ${localLine(places.own[module]!)}${all}end\n`
    }
    const blocks = statements.map(block).join("")
    const code = helpers + blocks
    const used = ALIASES.filter(([alias]) => code.includes(`${alias}(`))
    const sources = used.map(([, source]) => source).join(",")
    const aliases = used.length === 0 ? "" : `local ${used.map(([alias]) => alias).join(",")}=${sources}\n`
    return `${aliases}${localLine(places.shared)}${code}`
}

/** A cold function is compiled where no local of the bundle is in sight. */
function plain(text: string): string {
    return ALIASES.reduce((result, [alias, source]) => result.replaceAll(`${alias}(`, `${source}(`), text)
}

/** Takes the cold functions out. What they speak of is global. */
function assembleSplit(pieces: Pieces, names: readonly FlatName[]): ColdBundle {
    const known = new Map(names.map(name => [name.name, name]))
    const candidates = pieces.functions.filter(([name]) => known.get(name)!.mayBeCold)
    const texts = new Map(candidates.map(([name, , text]) => [name, text]))
    const cold = coldNames(texts, name => known.get(name)!.uses)
    const taken = new Map(cold.map(name => [name, plain(texts.get(name)!)]))
    const shared = new Set([...taken.values()].flatMap(text => [...namesIn(text)]))
    const rest = { ...pieces, functions: pieces.functions.filter(([name]) => !taken.has(name)) }
    const stays = new Set(rest.functions.map(([name]) => name))
    // What never changes can be both, a local for what stays and a global for the rest.
    const locals = names.filter(({ name, isConst }) => !taken.has(name) && (!shared.has(name) || stays.has(name) || isConst))
    const { main, cold: coldTexts } = splitCold({ main: assemble(rest, locals, shared), functions: taken })
    return { main: squeezeLua(main), cold: coldTexts }
}

/** The same for a small bundle: every function that may be is cold, and what they share lies in one table. */
function assembleSmall(pieces: Pieces, names: readonly FlatName[]): ColdBundle {
    const mayBeCold = new Set(names.filter(name => name.mayBeCold).map(({ name }) => name))
    const functions = new Map(
        pieces.functions.filter(([name]) => mayBeCold.has(name)).map(([name, , text]) => [name, plain(text)]),
    )
    const known = new Set([...functions.values()].flatMap(text => [...namesIn(text)]))
    const isShared = ({ name }: FlatName): boolean => known.has(name) && !functions.has(name)
    const shared = names.filter(isShared).map(({ name }) => name)
    const staying = pieces.functions.filter(([name]) => !functions.has(name))
    // A place in a table is set, not declared.
    const rest = staying.map(([name, module, text]): Pieces["functions"][number] => {
        const isPlace = shared.includes(name)
        return [name, module, isPlace ? text.replace(`function ${name}(`, `${name}=function(`) : text]
    })
    const locals = names.filter(name => !functions.has(name.name) && !isShared(name))
    const { main, cold } = splitCold({ main: assemble({ ...pieces, functions: rest }, locals), functions, shared })
    return { main: squeezeLua(main), cold }
}

/** A bundle that was made before, and the files that it was made of as they were. */
interface Made {
    readonly bundle: ColdBundle
    readonly files: readonly (readonly [path: string, changedMs: number])[]
}

/** Bundles by their entries: packing makes the same one twice, with another build id. */
const made = new Map<string, Made>()

function changedMs(path: string): number {
    return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** The bundle's texts with names in the places of what is known at build time only. */
function makeText(input: LuaInput, appPath: string | undefined, isSplit: boolean): ColdBundle {
    const key = JSON.stringify([input, isSplit])
    const known = made.get(key)
    if (known?.files.every(([path, ms]) => changedMs(path) === ms)) return known.bundle
    const program = readProgram(input)
    const flat = flatten(program)
    const appIndex = program.modules.findIndex(file => file.fileName === appPath)
    const pieces = piecesOf(compile(input.root, flat, markOffset(flat.text, appIndex)), flat)
    const split = input.isSmall === true ? assembleSmall : assembleSplit
    const bundle = isSplit ? split(pieces, flat.names) : { main: squeezeLua(assemble(pieces, flat.names)), cold: [] }
    made.set(key, { bundle, files: program.modules.map(({ fileName }) => [fileName, changedMs(fileName)]) })
    return bundle
}

/** The values of names such as `__OTARY_IMAGE__`, which modules declare and nobody defines. */
type Constants = Readonly<Record<string, unknown>>

function filled(text: string, constants: Constants): string {
    return text.replace(/\b__OTARY_\w+__\b/g, name => `(${luaLiteral(constants[name])})`)
}

/**
 * Makes a Lua bundle: source text in UTF-8. `constants` are the values of names such as `__OTARY_IMAGE__`.
 * Throws PackError PACK_BUNDLE with file, line and column.
 */
export function bundleLua(input: LuaInput, constants: Constants): string {
    return filled(makeText(input, undefined, false).main, constants)
}

/**
 * As bundleLua, for an app slot: cold functions lie behind the code, and are read from there when they are called. `appPath` is the
 * entry that, with its own modules, gets the whole language.
 */
export function bundleLuaSlot(input: LuaInput, constants: Constants, appPath?: string): string {
    const { main, cold } = makeText(input, appPath, true)
    return joinCold({ main: filled(main, constants), cold: cold.map(text => filled(text, constants)) })
}

/** Where the `module`-th module begins in the flat text; its end for none. */
function markOffset(text: string, module: number): number {
    if (module < 0) return text.length
    let at = text.indexOf(`${MODULE_MARK}()`)
    for (let count = 0; count < module; count++) at = text.indexOf(`${MODULE_MARK}()`, at + 1)
    return at
}
