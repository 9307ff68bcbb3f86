// Who may do what: three roles, each with the rights of the one below it.

/** Roles in the order of their rights: viewer reads, operator changes the fleet, admin hands out rights. */
export const ROLES = ["viewer", "operator", "admin"] as const

/** What a caller may do in a tenant. */
export type Role = (typeof ROLES)[number]

/** A role in a tenant. Rights in one tenant mean nothing in another. */
export interface Grant {
    tenant: string
    role: Role
}

/** Whether a role has the rights of another. */
export function roleCovers(role: Role, needed: Role): boolean {
    return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}
