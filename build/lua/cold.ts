// Functions that exist only while they run: in a Lua app slot, cold functions stay text, and are compiled when one is called.

import { squeezeLua, luaTokens } from "./squeeze"

/** A Lua text in two: what runs at the start, and the cold functions, each a text that returns it. */
export interface ColdBundle {
    readonly main: string
    readonly cold: readonly string[]
}

/** A function shorter than this many bytes for each place that calls it stays in memory: fetching it takes flash and time, too. */
const BYTES_PER_USE = 14
/** Digits of a place in the slot. */
const PLACE_DIGITS = 7
/** Where the places begin; the final number has as many characters. */
const TABLE_MARK = "0000000"
const FETCH = "_cold"
/** Small bundles: what stands for a function that is no call, and the table of what cold functions share. */
const STAND_IN = "_lazy"
const SHARED = "_S"
/** Bytes of a text that the compiler gets at a time there. */
const PIECE_BYTES = 128

/**
 * What reads the text of function `n`: its place and the next one's lie in a table behind the code. The slot's file stays open, as the
 * boot loader has read it to the end before. `otarySlot` is the loader's.
 */
const READ = `_slot=_slot or (io or file).open("app"..otarySlot..".bin","r")
_slot:seek("set",${TABLE_MARK}+n*${PLACE_DIGITS})
local from=tonumber(_slot:read(${PLACE_DIGITS}))
local size=tonumber(_slot:read(${PLACE_DIGITS}))-from
_slot:seek("set",from)
`

/** What fetches a function. What was fetched is found again until the collector takes it: the table's values are weak. */
const FETCHER = `local _load,_slot=loadstring or load
local _kept=setmetatable({},{__mode="v"})
function ${FETCH}(n)
local run=_kept[n]
if run then return run end
${READ}run=assert(_load(_slot:read(size),"="))()
_kept[n]=run
return run
end
`

/** The same for a small bundle. The table of what functions share has its size from the start. */
const smallFetcher = (places: number): string => `local _slot,_kept=nil,setmetatable({},{__mode="v"})
function ${FETCH}(n)
local run=_kept[n]
if run then return run end
${READ}run=assert(load(function()
local piece=size>0 and _slot:read(size<${PIECE_BYTES} and size or ${PIECE_BYTES}) or ""
size=size-#piece
return piece
end,"="))()
_kept[n]=run
return run
end
function ${STAND_IN}(n) return function(...) return ${FETCH}(n)(...) end end
${SHARED}={${Array.from({ length: places }, () => "nil").join(",")}}
`

/** Which of a bundle's functions are cold: those that may be, and are long for the places that speak of them. */
export function coldNames(functions: ReadonlyMap<string, string>, usesOf: (name: string) => number): string[] {
    return [...functions].filter(([name, text]) => text.length > BYTES_PER_USE * usesOf(name)).map(([name]) => name)
}

/** The names of a Lua text. */
export function namesIn(text: string): Set<string> {
    return new Set([...luaTokens(text)].map(({ word }) => word).filter(word => word !== undefined))
}

/** Puts calls of the fetcher in the places of cold names. */
function fetched(text: string, numbers: ReadonlyMap<string, number>): string {
    let result = ""
    for (const { token, word } of luaTokens(text)) {
        const number = word === undefined ? undefined : numbers.get(word)
        result += number === undefined ? token : `${FETCH}(${number})`
    }
    return result
}

/**
 * The same for a small bundle: a cold name that is not called gets a stand-in of a few bytes, and shared names are places in a table,
 * which takes a third of what globals do.
 */
function fetchedSmall(text: string, numbers: ReadonlyMap<string, number>, places: ReadonlyMap<string, number>): string {
    const tokens = [...luaTokens(text)]
    const replaced = tokens.map(({ token, word }, at) => {
        const number = word === undefined ? undefined : numbers.get(word)
        const place = word === undefined ? undefined : places.get(word)
        if (place !== undefined) return `${SHARED}[${place}]`
        if (number === undefined) return token
        return tokens[at + 1]?.token === "(" ? `${FETCH}(${number})` : `${STAND_IN}(${number})`
    })
    return replaced.join("")
}

/** A bundle's texts before it is split. */
export interface WholeBundle {
    /** What stays. */
    readonly main: string
    /** Cold functions by their names. */
    readonly functions: ReadonlyMap<string, string>
    /** For a small bundle: the names of `main` that cold functions know. */
    readonly shared?: readonly string[]
}

/** Splits a bundle. */
export function splitCold({ main, functions, shared }: WholeBundle): ColdBundle {
    const numbers = new Map([...functions.keys()].map((name, number) => [name, number]))
    const places = new Map(shared?.map((name, at) => [name, at + 1]))
    const rewrite = (text: string): string =>
        shared === undefined ? fetched(text, numbers) : fetchedSmall(text, numbers, places)
    const cold = [...functions].map(([name, text]) => {
        const anonymous = text.replace(`function ${name}(`, "return function(")
        return squeezeLua(rewrite(anonymous)).trimEnd()
    })
    return { main: (shared === undefined ? FETCHER : smallFetcher(shared.length)) + rewrite(main), cold }
}

/** The bytes of a slot: code, then, where the compiler reads a comment, the table of places and the functions. */
export function joinCold({ main, cold }: ColdBundle): string {
    let level = "="
    while (cold.some(text => text.includes(`]${level}]`))) level += "="
    const head = `${main}--[${level}[\n`
    const tableAt = Buffer.byteLength(head)
    let at = tableAt + (cold.length + 1) * PLACE_DIGITS
    const places = [at, ...cold.map(text => (at += Buffer.byteLength(text)))]
    const digits = (place: number): string => String(place).padStart(PLACE_DIGITS, "0")
    return `${head.replace(TABLE_MARK, digits(tableAt))}${places.map(digits).join("")}${cold.join("")}]${level}]\n`
}
