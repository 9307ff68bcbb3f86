// Whose a call is: the API token, the tenant it speaks for, and its role there. Guessing is slowed down.

import { nowOf, type Context } from "./context"
import { tokenHash } from "./ids"
import { GUESSERS_MAX, GUESSES_MAX } from "./limits"
import { Problem } from "./problems"
import type { Grant, Role } from "./roles"

/** Whom a call comes from and what it may do. */
export interface Identity {
    /** Id and name of the token. */
    token: string
    name: string
    /** Whose the token is; the token's id when nobody is named. */
    person: string
    /** The token's own tenant. */
    home: string
    /** The tenant that the call speaks for, and the role there. */
    tenant: string
    role: Role
}

/** Refuses who has guessed too often: a bucket for each sender, refilled with time. */
export interface Guesses {
    /** Throws Problem `rate_limited` while the sender's bucket is empty. */
    check(sender: string): void
    /** Counts a wrong token. */
    miss(sender: string): void
}

const WINDOW_MS = 60_000

/** A counter of guesses of this process. `nowMs` is Unix time in ms. */
export function createGuesses(nowMs: () => number): Guesses {
    const misses = new Map<string, { count: number; atMs: number }>()
    const countOf = (sender: string): number => {
        const entry = misses.get(sender)
        return entry === undefined ? 0 : Math.max(0, entry.count - ((nowMs() - entry.atMs) / WINDOW_MS) * GUESSES_MAX)
    }
    return {
        check(sender) {
            const count = countOf(sender)
            if (count <= GUESSES_MAX - 1) return
            const waitS = Math.max(1, Math.ceil(((count - GUESSES_MAX + 1) / GUESSES_MAX) * (WINDOW_MS / 1000)))
            throw new Problem("rate_limited", `Too many wrong tokens came from here. Try again in ${waitS} s.`, undefined, waitS)
        },
        miss(sender) {
            const count = countOf(sender) + 1
            misses.delete(sender)
            // The one that has been quiet for longest makes room.
            const [oldest] = misses.size >= GUESSERS_MAX ? misses.keys() : []
            if (oldest !== undefined) misses.delete(oldest)
            misses.set(sender, { count, atMs: nowMs() })
        },
    }
}

function unauthorized(detail: string): Problem {
    return new Problem("unauthorized", detail)
}

/** Whether the token of an identity still counts: for what goes on for long after it began. */
export async function stillValid(context: Context, { home, token }: Identity): Promise<boolean> {
    const row = await context.store.tables.apiTokens.get(home, token)
    return row !== null && row.revokedAt === null && (row.expiresAt === null || row.expiresAt > nowOf(context))
}

/** The grant that a call uses. Roles in several tenants are never added up: exactly one counts. */
function grantOf(grants: Grant[], tenant: string): Grant {
    const grant = grants.find(one => one.tenant === tenant)
    if (grant !== undefined) return grant
    throw new Problem("forbidden", "The token has no role in the tenant that the header Otary-Tenant names.")
}

/**
 * Who calls. `header` is Authorization, `tenant` the header Otary-Tenant (undefined: the token's own), `address` the network address.
 * Throws Problem `unauthorized`, `forbidden`, `rate_limited`.
 */
export async function identify(
    context: Context,
    guesses: Guesses,
    { header, tenant, address }: { header: string | undefined; tenant: string | undefined; address: string },
): Promise<Identity> {
    const token = /^bearer\s+(\S{1,256})$/i.exec(header ?? "")?.[1]
    if (token === undefined) {
        throw unauthorized("Send Authorization: Bearer TOKEN; the first token stands in admin.token in the cloud's data folder.")
    }
    guesses.check(address)
    const row = await context.store.tables.apiTokens.find(tokenHash(token))
    if (row === null) {
        guesses.miss(address)
        throw unauthorized("No token is like this one. Check that it was copied whole, and that it is for this cloud.")
    }
    if (row.revokedAt !== null) throw unauthorized("The token was revoked. An admin can make another.")
    if (row.expiresAt !== null && row.expiresAt <= nowOf(context)) {
        throw unauthorized("The token has expired. An admin can make another.")
    }
    const grants = [{ tenant: row.tenant, role: row.role }, ...row.grants]
    return {
        token: row.id,
        name: row.name,
        person: row.owner || row.id,
        home: row.tenant,
        ...grantOf(grants, tenant ?? row.tenant),
    }
}
