// Whether a request comes from the device that it names.

import type { Context } from "../context"
import { eventOf, nowOf } from "../context"
import { hashEquals } from "../ids"
import { Problem } from "../problems"
import type { DeviceRow, Tables } from "../store/store"

/** Device ids: what fits an address, a topic and a file name without quoting. */
export const DEVICE_ID = /^[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,62}$/

/** A device's id out of a body. Throws Problem `field_invalid`. */
export function checkDeviceId(id: unknown): string {
    if (typeof id === "string" && DEVICE_ID.test(id)) return id
    const message = "1 to 63 letters, digits and _ - . : (the first no . or :)"
    throw new Problem("field_invalid", "The device's id is missing or has characters that are not allowed.", [
        { path: "id", message },
    ])
}

/** Why none of the devices of this id takes the token: the Problem to answer. An attempt with another device's token is recorded. */
async function refusal(context: Context, tables: Tables, id: string, hash: Buffer, sameId: DeviceRow[]): Promise<Problem> {
    if (sameId.length === 0) return new Problem("device_unknown", "No device has this id. Register it.")
    const owner = await tables.devices.findByToken(hash)
    if (owner !== null) {
        const data = { claimedId: id, reason: "the token of this device was used for another device's id" }
        await tables.events.append([eventOf(owner.tenant, nowOf(context), "device.mismatch", data, owner.id)])
        return new Problem("device_mismatch", "The token was given to another device. This attempt was recorded.")
    }
    if (sameId.every(({ tokenHash }) => tokenHash === null)) {
        return new Problem("device_unregistered", "The device has no token. Register it again.")
    }
    return new Problem("device_token_wrong", "The token is not the one of this device. An operator can issue a new one.")
}

/** The one of the devices with this id that the token was given to, or the Problem to answer. */
export async function authenticate(
    context: Context,
    tables: Tables,
    id: string,
    hash: Buffer,
    sameId: DeviceRow[],
): Promise<DeviceRow | Problem> {
    const device = sameId.find(one => one.claimed && hashEquals(one.tokenHash, hash))
    return device ?? (await refusal(context, tables, id, hash, sameId))
}
