// Names: what the cloud knows of every device, and the device's own properties.

import { BUILT_IN_TYPES } from "./check"
import { valueOf, type PolicyValue } from "./values"
import type { Versions } from "./versions"

/** A device as policies see it. */
export interface PolicyDevice {
    readonly id: string
    readonly product: string
    /** The version that it reported last; "" before the first report. */
    readonly version: string
    /** Its properties: those of device.json5. */
    readonly attributes: Readonly<Record<string, unknown>>
    /** What operators set of it; absent or empty: its own property of that name counts. */
    readonly cloud?: string
    readonly region?: string
    readonly tags?: readonly string[]
}

/** Looks a name up. `newVersion` is the version on offer, "" for none. */
export type Lookup = (this: void, device: PolicyDevice, newVersion: string) => PolicyValue

/** Empty means unknown. */
function textOrNull(text: string): string | null {
    return text === "" ? null : text
}

function builtIn(name: string, { coreOf }: Versions): Lookup {
    const core =
        (index: 0 | 1 | 2): Lookup =>
        ({ version }) =>
            coreOf(version)?.[index] ?? null
    const lookups: Record<string, Lookup> = {
        id: ({ id }) => textOrNull(id),
        product: ({ product }) => textOrNull(product),
        version: ({ version }) => textOrNull(version),
        newVersion: (_device, newVersion) => textOrNull(newVersion),
        major: core(0),
        minor: core(1),
        patch: core(2),
    }
    return lookups[name]!
}

/** An own property; what every object inherits, such as `constructor`, is not one. */
function ownOf(holder: unknown, name: string): unknown {
    return typeof holder === "object" && holder !== null && Object.hasOwn(holder, name)
        ? (holder as Readonly<Record<string, unknown>>)[name]
        : undefined
}

/** `value.x` is the property of that very name or, when there is none, `x` within `value`. */
function property(name: string): Lookup {
    // Asking an object directly is several times as fast as asking whether it has the property itself.
    const inherited = name in Object.prototype
    const path = name.split(".")
    if (path.length === 1 && !inherited) return ({ attributes }) => valueOf(attributes[name])
    return ({ attributes }) => {
        const exact = ownOf(attributes, name)
        return valueOf(exact !== undefined || path.length === 1 ? exact : path.reduce<unknown>(ownOf, attributes))
    }
}

/** Names that operators set; where they have not, the device's own property of the name counts. */
function placed(name: "cloud" | "region" | "tags"): Lookup {
    const own = property(name)
    return (device, newVersion) => {
        const held = device[name]
        return held === undefined || held.length === 0 ? own(device, newVersion) : held
    }
}

/** The lookup of a name. */
export function lookupOf(name: string, versions: Versions): Lookup {
    if (name === "cloud" || name === "region" || name === "tags") return placed(name)
    return Object.hasOwn(BUILT_IN_TYPES, name) ? builtIn(name, versions) : property(name)
}
