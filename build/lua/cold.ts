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

/**
 * What fetches function `n`: its place and the next one's lie in a table behind the code. The slot's file stays open, as the boot loader
 * has read it to the end before. `otarySlot` is the loader's. What was compiled is found again until the collector takes it: the table's
 * values are weak.
 */
const FETCHER = `local _load,_slot=loadstring or load
local _kept=setmetatable({},{__mode="v"})
function ${FETCH}(n)
local run=_kept[n]
if run then return run end
_slot=_slot or (io or file).open("app"..otarySlot..".bin","r")
_slot:seek("set",${TABLE_MARK}+n*${PLACE_DIGITS})
local from=tonumber(_slot:read(${PLACE_DIGITS}))
local size=tonumber(_slot:read(${PLACE_DIGITS}))-from
_slot:seek("set",from)
run=_load(_slot:read(size))()
_kept[n]=run
return run
end
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

/** Splits a bundle: `main` without the cold functions, whose texts `functions` holds by their names. */
export function splitCold(main: string, functions: ReadonlyMap<string, string>): ColdBundle {
    const numbers = new Map([...functions.keys()].map((name, number) => [name, number]))
    const cold = [...functions].map(([name, text]) => {
        const anonymous = text.replace(`function ${name}(`, "return function(")
        return squeezeLua(fetched(anonymous, numbers)).trimEnd()
    })
    return { main: FETCHER + fetched(main, numbers), cold }
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
