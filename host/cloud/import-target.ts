// Where the names of a CSV file go: new devices of a product, a listed group, or the list of a rollout that is a draft.

import { DEFAULT_CLOUD } from "./context"
import { CSV_DEVICES_MAX } from "./limits"
import { notFound, Problem } from "./problems"
import type { ImportRow } from "./store/access"
import type { Tables } from "./store/store"

/** What a caller names: one of the three. */
export interface ImportPlace {
    product?: string | undefined
    group?: string | undefined
    rollout?: string | undefined
}

/** One kind of target. */
export interface ImportTarget {
    /** The target as the import's row keeps it. */
    place: Pick<ImportRow, "product" | "group" | "rollout">
    /** Throws Problem when names cannot go there. */
    check(tables: Tables, tenant: string): Promise<void>
    /** Adds names that came once in the file: how many are new, and which cannot be added. */
    add(tables: Tables, row: ImportRow, names: string[]): Promise<{ created: number; unknown: string[] }>
    /** Why names cannot be added. */
    unknownReason: string
}

function intoProduct(product: string): ImportTarget {
    return {
        place: { product, group: null, rollout: null },
        unknownReason: "",
        check: async (tables, tenant) => {
            if ((await tables.products.get(tenant, product)) === null) throw notFound("product")
        },
        add: async (tables, row, names) => {
            return { created: await tables.imports.addDevices(row, DEFAULT_CLOUD, names), unknown: [] }
        },
    }
}

/** Lists are bounded; an import adds to what was there when it began. */
function checkSize(count: number): void {
    if (count > CSV_DEVICES_MAX) throw new Problem("body_too_large", `A list has ${CSV_DEVICES_MAX} devices at most.`)
}

function intoGroup(group: string): ImportTarget {
    let before = 0
    return {
        place: { product: "", group, rollout: null },
        unknownReason: "no device has this name",
        check: async (tables, tenant) => {
            const row = await tables.groups.get(tenant, group)
            if (row === null) throw notFound("group")
            const issues = [{ path: "group", message: "a listed group" }]
            if (row.kind !== "listed") throw new Problem("field_invalid", "Only a listed group takes devices.", issues)
            before = await tables.groups.deviceCount(tenant, group)
        },
        add: async (tables, row, names) => {
            if ((await tables.groups.get(row.tenant, group)) === null) throw notFound("group")
            const unknown = await tables.imports.unknown(row.tenant, null, names)
            const created = await tables.groups.addDevices(row.tenant, group, names)
            checkSize(before + row.created + created)
            return { created, unknown }
        },
    }
}

function intoRollout(rollout: string): ImportTarget {
    let before = 0
    const draftOf = async (tables: Tables, tenant: string): Promise<string> => {
        const product = await tables.rollouts.lockDraft(tenant, rollout)
        if (product !== null) return product
        const detail = "Names go into a rollout that is a draft (start: false) with the scope devices; this one is not."
        throw new Problem("rollout_state", detail)
    }
    return {
        place: { product: "", group: null, rollout },
        unknownReason: "the release's product has no device of this name",
        check: async (tables, tenant) => {
            const row = await tables.rollouts.get(tenant, rollout)
            if (row === null) throw notFound("rollout")
            await draftOf(tables, tenant)
            before = row.count
        },
        add: async (tables, row, names) => {
            const product = await draftOf(tables, row.tenant)
            const unknown = await tables.imports.unknown(row.tenant, product, names)
            const without = new Set(unknown)
            const known = names.filter(name => !without.has(name))
            const created = await tables.rollouts.addDevices(row.tenant, rollout, known)
            checkSize(before + row.created + created)
            return { created, unknown }
        },
    }
}

/** The target that a caller names. Throws Problem `field_invalid` unless it is exactly one. */
export function importTarget({ product, group, rollout }: ImportPlace): ImportTarget {
    const targets = [
        ...(product === undefined ? [] : [intoProduct(product)]),
        ...(group === undefined ? [] : [intoGroup(group)]),
        ...(rollout === undefined ? [] : [intoRollout(rollout)]),
    ]
    const [target] = targets
    if (target !== undefined && targets.length === 1) return target
    const issues = [{ path: "product", message: "or group, or rollout: one of the three" }]
    throw new Problem("field_invalid", "Say where the names are to go: ?product=ID, ?group=ID or ?rollout=ID.", issues)
}
