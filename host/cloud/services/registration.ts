// Registration: a device names its product and gets its identity, once it is claimed.

import { mergeAttributes, mergeVersions } from "../attributes"
import { DEFAULT_CLOUD, eventOf, nowOf, type Context } from "../context"
import type { Attributes } from "../domain/types"
import { newId, newToken, tokenHash } from "../ids"
import { Problem } from "../problems"
import { DEVICE_NEW } from "./facts"
import type { DeviceRow, ProductRow, Tables } from "../store/store"

/** What a device sends. */
export interface RegistrationRequest {
    /** Product id or product token. */
    credential: string
    /** "" lets the cloud choose one. */
    id: string
    attributes: Attributes
    version: string
    /** Versions of further modules by name. */
    versions?: Record<string, string> | undefined
}

/** What a device gets: `token` and `cloud` are null until it may have them. */
export interface Registration {
    id: string
    token: string | null
    cloud: string
}

async function findDevice(
    context: Context,
    tables: Tables,
    product: ProductRow,
    request: RegistrationRequest,
): Promise<DeviceRow> {
    const at = nowOf(context)
    const fresh: DeviceRow = {
        tenant: product.tenant,
        id: request.id === "" ? newId(context.nowMs()) : request.id,
        product: product.id,
        cloud: DEFAULT_CLOUD,
        attributes: request.attributes,
        version: request.version,
        ...DEVICE_NEW,
        versions: mergeVersions({}, request.versions),
        versionAt: request.version === "" ? null : at,
        claimed: product.autoClaim,
        tokenHash: null,
        tokenHolder: null,
        tokenUsed: false,
        createdAt: at,
        lastSeenAt: null,
    }
    if (await tables.devices.insert(fresh)) {
        const data = { product: product.id, claimed: fresh.claimed }
        await tables.events.append([eventOf(product.tenant, at, "device.registered", data, fresh.id)])
    }
    const found = (await tables.devices.lock([fresh.id])).find(({ tenant }) => tenant === product.tenant)
    return found as DeviceRow
}

/**
 * Why a device is not given a token now; "" when it is. A token that the device was given but never used is given out anew, for the
 * answer may have been lost on its way; one that is in use, or that an operator holds, is not: whoever knows the product
 * could take the device over.
 */
function refusal(device: DeviceRow, product: ProductRow): string {
    if (device.product !== product.id) return "the device belongs to another product"
    if (!device.claimed) return "the device is not claimed yet"
    if (device.tokenHash === null) return ""
    if (device.tokenHolder === "operator") return "an operator holds the device's token"
    return device.tokenUsed ? "the device has a token already; an operator can reset it" : ""
}

async function issue(context: Context, tables: Tables, device: DeviceRow, attributes: Attributes): Promise<string> {
    const token = newToken()
    const merged = mergeAttributes(device.attributes, attributes)
    await tables.devices.update({
        ...device,
        attributes: merged,
        tokenHash: tokenHash(token),
        tokenHolder: "device",
        tokenUsed: false,
    })
    await tables.events.append([eventOf(device.tenant, nowOf(context), "device.token", { holder: "device" }, device.id)])
    return token
}

async function registerOnce(context: Context, tables: Tables, request: RegistrationRequest): Promise<Registration> {
    const product = await tables.products.findByCredential(request.credential, tokenHash(request.credential))
    if (product === null)
        throw new Problem("unauthorized", "No product has this id or token. Create the product first (POST /api/v1/products).")
    const device = await findDevice(context, tables, product, request)
    const reason = refusal(device, product)
    if (reason === "")
        return { id: device.id, cloud: device.cloud, token: await issue(context, tables, device, request.attributes) }
    await tables.events.append([eventOf(device.tenant, nowOf(context), "device.token.refused", { reason }, device.id)])
    return { id: device.id, cloud: device.cloud, token: null }
}

/** Registers a device. Throws Problem `unauthorized` when nothing is known of the product, `attributes_invalid`. */
export function register(context: Context, request: RegistrationRequest): Promise<Registration> {
    return context.store.transaction(tables => registerOnce(context, tables, request))
}
