// Groups of devices: listed, by expression, or unions of other groups.

import { eventOf, nowOf, type Context } from "../context"
import { CSV_DEVICES_MAX, GROUPS_MAX, LABEL, SCOPE_NAMES_MAX } from "../limits"
import { notFound, Problem } from "../problems"
import type { GroupRow, PageRequest, Tables } from "../store/store"
import { checkExpression } from "./expressions"
import type { GroupDraft, GroupView } from "./rollout-shapes"

/** What may be changed of a group; its kind stays. */
export interface GroupChange {
    name?: string | undefined
    where?: string | undefined
    groups?: string[] | undefined
}

function viewOf({ tenant: _tenant, ...view }: GroupRow): GroupView {
    return view
}

function invalid(path: string, message: string): Problem {
    return new Problem("field_invalid", `The field ${path} is not valid: ${message}.`, [{ path, message }])
}

/** A union is of groups that are no unions themselves, so that nothing goes in circles. */
async function checkUnion(tables: Tables, tenant: string, groups: string[]): Promise<void> {
    if (groups.length < 1 || groups.length > SCOPE_NAMES_MAX) throw invalid("groups", `1 to ${SCOPE_NAMES_MAX} groups`)
    const known = await tables.groups.getMany(tenant, groups)
    const bad = groups.findIndex(id => !known.some(group => group.id === id && group.kind !== "union"))
    if (bad < 0) return
    throw new Problem("reference_unknown", "A union is of existing groups that are no unions themselves.", [
        { path: `groups.${bad}`, message: "a listed or where group" },
    ])
}

async function check(context: Context, tables: Tables, row: GroupRow): Promise<void> {
    if (!LABEL.test(row.id)) throw invalid("id", "1 to 63 letters, digits and _ - . : (the first no . or :)")
    if (row.kind === "where" && row.where.trim() === "") throw invalid("where", "an expression")
    checkExpression(context, "where", row.where)
    if (row.kind === "union") await checkUnion(tables, row.tenant, row.groups)
}

/** Makes a group. Throws Problem `already_exists`, `field_invalid`, `policy_invalid`, `reference_unknown`, `groups_too_many`. */
export function createGroup(context: Context, tenant: string, draft: GroupDraft): Promise<GroupView> {
    const row: GroupRow = {
        ...{ tenant, id: draft.id, name: draft.name ?? draft.id, kind: draft.kind, revision: 1, createdAt: nowOf(context) },
        where: draft.kind === "where" ? draft.where : "",
        groups: draft.kind === "union" ? draft.groups : [],
    }
    return context.store.transaction(async tables => {
        await check(context, tables, row)
        if ((await tables.groups.count(tenant)) >= GROUPS_MAX) {
            throw new Problem("groups_too_many", `A tenant may have ${GROUPS_MAX} groups. Remove some first.`)
        }
        if (!(await tables.groups.insert(row))) throw new Problem("already_exists", "A group with this id exists already.")
        await tables.events.append([eventOf(tenant, row.createdAt, "group.created", { group: row.id, kind: row.kind })])
        return viewOf(row)
    })
}

async function existing(tables: Tables, tenant: string, id: string): Promise<GroupRow> {
    const row = await tables.groups.get(tenant, id)
    if (row === null) throw notFound("group")
    return row
}

/** A group. Throws Problem `not_found`. */
export async function getGroup(context: Context, tenant: string, id: string): Promise<GroupView> {
    return viewOf(await existing(context.store.tables, tenant, id))
}

/** Groups in the order of ids. */
export async function listGroups(context: Context, tenant: string, page: PageRequest): Promise<GroupView[]> {
    return (await context.store.tables.groups.list(tenant, page)).map(viewOf)
}

/** Changes a group. Throws Problem `not_found` and those of createGroup. */
export function changeGroup(context: Context, tenant: string, id: string, change: GroupChange): Promise<GroupView> {
    return context.store.transaction(async tables => {
        const before = await existing(tables, tenant, id)
        const { name = before.name, where = before.where, groups = before.groups } = change
        const after = { ...before, name, where, groups, revision: before.revision + 1 }
        await check(context, tables, after)
        await tables.groups.update(after)
        await tables.events.append([eventOf(tenant, nowOf(context), "group.changed", { group: id })])
        return viewOf(after)
    })
}

async function checkUnused(tables: Tables, tenant: string, id: string): Promise<void> {
    const groups = await tables.groups.list(tenant, { after: null, limit: GROUPS_MAX })
    const union = groups.find(group => group.groups.includes(id))
    const open = await tables.rollouts.openOfGroup(tenant, id)
    if (union === undefined && open === null) return
    throw new Problem("group_in_use", `The group is used by ${union === undefined ? `rollout ${open}` : `group ${union.id}`}.`)
}

/** Removes a group that no union and no open rollout names. Throws Problem `not_found`, `group_in_use`. */
export function deleteGroup(context: Context, tenant: string, id: string): Promise<void> {
    return context.store.transaction(async tables => {
        await existing(tables, tenant, id)
        await checkUnused(tables, tenant, id)
        await tables.groups.delete(tenant, id)
        await tables.events.append([eventOf(tenant, nowOf(context), "group.deleted", { group: id })])
    })
}

async function changeMembers(
    context: Context,
    tenant: string,
    id: string,
    ids: string[],
    what: "addDevices" | "removeDevices",
): Promise<number> {
    if (ids.length > CSV_DEVICES_MAX) throw invalid("ids", `${CSV_DEVICES_MAX} devices at most`)
    return context.store.transaction(async tables => {
        const { kind } = await existing(tables, tenant, id)
        if (kind !== "listed") throw invalid("ids", "only a listed group takes devices")
        const count = await tables.groups[what](tenant, id, ids)
        const data = { group: id, [what === "addDevices" ? "added" : "removed"]: count }
        await tables.events.append([eventOf(tenant, nowOf(context), "group.devices", data)])
        return count
    })
}

/** Adds devices to a listed group; ids that the tenant does not have are left out. Answers how many were new. */
export function addToGroup(context: Context, tenant: string, id: string, ids: string[]): Promise<number> {
    return changeMembers(context, tenant, id, ids, "addDevices")
}

/** Takes devices out of a listed group; answers how many were in it. */
export function removeFromGroup(context: Context, tenant: string, id: string, ids: string[]): Promise<number> {
    return changeMembers(context, tenant, id, ids, "removeDevices")
}

/** Ids of a listed group's devices in their order. Throws Problem `not_found`. */
export async function listGroupDevices(context: Context, tenant: string, id: string, page: PageRequest): Promise<string[]> {
    await existing(context.store.tables, tenant, id)
    return context.store.tables.groups.deviceIds(tenant, id, page)
}
