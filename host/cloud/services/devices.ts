// Devices as an operator handles them: made, changed, claimed, given tokens, removed.

import { changedAttributes, checkAttributes } from "../attributes"
import { DEFAULT_CLOUD, eventOf, nowOf, type Context } from "../context"
import type { Attributes } from "../domain/types"
import { newId, newToken, tokenHash } from "../ids"
import { DEVICE_TAGS_MAX, LABEL } from "../limits"
import { notFound, Problem } from "../problems"
import { DEVICE_NEW } from "./facts"
import type { DeviceRow, Tables } from "../store/store"

/** What makes a device. */
export interface DeviceDraft {
    id?: string | undefined
    product: string
    cloud?: string | undefined
    attributes: Attributes
    version: string
}

/** What may be changed of a device; an attribute set to null is removed. */
export interface DeviceChange {
    attributes?: Attributes | undefined
    claimed?: boolean | undefined
    tags?: string[] | undefined
    /** "" for none. */
    region?: string | undefined
    /** What it should be (the shadow); null removes a name. */
    desired?: Attributes | undefined
}

function unknown(path: string): Problem {
    return new Problem("reference_unknown", `There is no such ${path}. Make it first, or check its id.`, [
        { path, message: `an existing ${path}` },
    ])
}

async function checkHome(tables: Tables, tenant: string, product: string, cloud: string): Promise<void> {
    if ((await tables.products.get(tenant, product)) === null) throw unknown("product")
    if ((await tables.clouds.get(tenant, cloud)) === null) throw unknown("cloud")
}

/** Makes a device that is claimed and whose token the operator gets. Throws Problem `already_exists`, `reference_unknown`. */
export async function createDevice(
    context: Context,
    tenant: string,
    draft: DeviceDraft,
): Promise<{ device: DeviceRow; token: string }> {
    const token = newToken()
    const device: DeviceRow = {
        tenant,
        id: draft.id ?? newId(context.nowMs()),
        product: draft.product,
        cloud: draft.cloud ?? DEFAULT_CLOUD,
        attributes: checkAttributes(draft.attributes),
        version: draft.version,
        ...DEVICE_NEW,
        claimed: true,
        tokenHash: tokenHash(token),
        tokenHolder: "operator",
        tokenUsed: false,
        createdAt: nowOf(context),
        lastSeenAt: null,
    }
    await context.store.transaction(async tables => {
        await checkHome(tables, tenant, device.product, device.cloud)
        if (!(await tables.devices.insert(device))) throw new Problem("already_exists", "A device with this id exists already.")
        await tables.events.append([eventOf(tenant, device.createdAt, "device.created", { product: device.product }, device.id)])
    })
    return { device, token }
}

/** Changes a device under its lock; `edit` gives the new row and the event that tells of it. */
async function edit(
    context: Context,
    tenant: string,
    id: string,
    change: (device: DeviceRow) => [DeviceRow, string, Record<string, string | boolean>],
): Promise<DeviceRow> {
    return context.store.transaction(async tables => {
        const before = (await tables.devices.lock([id])).find(device => device.tenant === tenant)
        if (before === undefined) throw notFound("device")
        const [after, type, data] = change(before)
        await tables.devices.update(after)
        await tables.events.append([eventOf(tenant, nowOf(context), type, data, id)])
        return after
    })
}

function withoutToken(device: DeviceRow): DeviceRow {
    return { ...device, tokenHash: null, tokenHolder: null, tokenUsed: false }
}

function checkLabels(path: string, labels: string[]): void {
    if (labels.length <= DEVICE_TAGS_MAX && labels.every(label => LABEL.test(label))) return
    const message = `at most ${DEVICE_TAGS_MAX}, each of 1 to 63 letters, digits and _ - . :`
    throw new Problem("field_invalid", `The field ${path} is not valid.`, [{ path, message }])
}

function changed(device: DeviceRow, change: DeviceChange): DeviceRow {
    const { claimed = device.claimed, tags = device.tags, region = device.region } = change
    checkLabels("tags", tags)
    checkLabels("region", region === "" ? [] : [region])
    const attributes = changedAttributes(device.attributes, change.attributes ?? {})
    const desired = changedAttributes(device.desired, change.desired ?? {})
    const after = { ...device, attributes, desired, claimed, tags: [...new Set(tags)], region }
    return claimed ? after : withoutToken(after)
}

/** Changes attributes; claims a device, or takes the claim and with it the token back. Throws Problem `not_found`, `attributes_invalid`. */
export function changeDevice(context: Context, tenant: string, id: string, change: DeviceChange): Promise<DeviceRow> {
    return edit(context, tenant, id, device => {
        const after = changed(device, change)
        return [after, "device.changed", { claimed: after.claimed }]
    })
}

/** Issues a new token to the operator; the old one ends. Throws Problem `not_found`. */
export async function resetDeviceToken(context: Context, tenant: string, id: string): Promise<string> {
    const token = newToken()
    await edit(context, tenant, id, device => {
        const after: DeviceRow = {
            ...device,
            claimed: true,
            tokenHash: tokenHash(token),
            tokenHolder: "operator",
            tokenUsed: false,
        }
        return [after, "device.token", { holder: "operator" }]
    })
    return token
}

/** Ends the token, so that the device registers anew at its next check-in. Throws Problem `not_found`. */
export async function dropDeviceToken(context: Context, tenant: string, id: string): Promise<void> {
    await edit(context, tenant, id, device => [withoutToken(device), "device.token", { holder: "" }])
}

/** Removes a device and its tasks; its events stay. Throws Problem `not_found`. */
export async function deleteDevice(context: Context, tenant: string, id: string): Promise<void> {
    await context.store.transaction(async tables => {
        if (!(await tables.devices.delete(tenant, id))) throw notFound("device")
        await tables.events.append([eventOf(tenant, nowOf(context), "device.deleted", {}, id)])
    })
}
