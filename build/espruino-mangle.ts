// Which properties of the firmware's own objects a bundle may shorten: those of its interfaces that nothing outside the bundle reads.

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const FOLDERS = ["firmware", "shims/espruino"]
/** What Espruino itself, the boot loader or the emulated board names. */
const OUTSIDE_FILES = /^(globals|layout|notify)\.ts$/
/** What travels as JSON, or is handed to apps. */
const OUTSIDE_INTERFACES = /^(RunningImage|AgentState|Report|\w+Text)$/
/** What a function hands to apps: of no matter where no app calls that. */
const HANDED: Readonly<Record<string, RegExp>> = { BootState: /\bbootState\b/ }

/** Names that natives have, whatever object they belong to. */
function nativeNames(): Set<string> {
    const owners = [Object, Function, String, Number, Array, Uint8Array, Object.getPrototypeOf(Uint8Array), ArrayBuffer, DataView]
    const more = [Promise, Date, RegExp, Error, Boolean]
    const names = [...owners, ...more].flatMap(owner => [
        ...Object.getOwnPropertyNames(owner),
        ...Object.getOwnPropertyNames(owner.prototype ?? {}),
    ])
    return new Set([...names, ...Object.getOwnPropertyNames(Math), ...Object.getOwnPropertyNames(JSON)])
}

/** Interfaces of a source file in the house's style: their names and those of their properties. */
function interfacesOf(text: string): [string, string[]][] {
    return [...text.matchAll(/^(?:export )?interface (\w+)[^{]*\{\n([^]*?)^\}/gm)].map(([, name, body]) => [
        name!,
        [...body!.matchAll(/^ {4}(?:readonly )?(\w+)\??[:(]/gm)].map(([, property]) => property!),
    ])
}

/**
 * The properties that bundles may shorten, in the project in `root`: declared by an interface of the firmware or of the shim, by none
 * that travels, is handed to apps or is Espruino's own, and no native's name. `appText` is all code of the app: what it names stays, too.
 */
export function shortenedProperties(root: string, appText: string): readonly string[] {
    const own = new Set<string>()
    const outside = nativeNames()
    for (const folder of FOLDERS) {
        for (const file of readdirSync(join(root, folder)).filter(name => name.endsWith(".ts"))) {
            for (const [name, properties] of interfacesOf(readFileSync(join(root, folder, file), "utf8"))) {
                const isOutside =
                    OUTSIDE_FILES.test(file) || OUTSIDE_INTERFACES.test(name) || HANDED[name]?.test(appText) === true
                for (const property of properties) (isOutside ? outside : own).add(property)
            }
        }
    }
    return [...own].filter(name => !outside.has(name) && !new RegExp(`\\b${name}\\b`).test(appText)).sort()
}
