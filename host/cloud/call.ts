// The API call that is under way: who makes it, and what its first transaction has to make sure of.

import { AsyncLocalStorage } from "node:async_hooks"
import type { Role } from "./roles"
import type { Store, Tables } from "./store/store"

/** Who makes a change. */
export interface Caller {
    /** Id of the API token. */
    token: string
    /** Name of the token. */
    name: string
    /** Whose the token is; the token's id when nobody is named. Two tokens of one person are one voice. */
    person: string
    role: Role
    /** Network address of the caller. */
    address: string
}

/** A call of the API. */
export interface Call {
    caller: Caller
    /** Work at the start of the call's first transaction, in order; what it throws, undoes the transaction. */
    guards: ((tables: Tables) => Promise<void>)[]
    /** Whether a transaction of this call was committed. */
    isCommitted: boolean
}

const calls = new AsyncLocalStorage<Call>()

let callsUnderWay = 0

/**
 * Runs something as part of a call. Between calls the storage is switched off: while it is on, each promise of the process costs,
 * also those of check-ins.
 */
export async function runCall<T>(call: Call, run: () => Promise<T>): Promise<T> {
    callsUnderWay += 1
    try {
        return await calls.run(call, run)
    } finally {
        callsUnderWay -= 1
        if (callsUnderWay === 0) calls.disable()
    }
}

/** The call under way; undefined in what devices and the cloud itself do. */
export function currentCall(): Call | undefined {
    return calls.getStore()
}

/** Who makes the change under way; null for devices and the cloud itself. */
export function currentCaller(): Caller | null {
    return calls.getStore()?.caller ?? null
}

/** A store whose transactions begin with the guards of the call under way, until one of them is committed. */
export function guardedStore(store: Store): Store {
    return {
        ...store,
        transaction: async run => {
            const call = calls.getStore()
            if (call === undefined || call.isCommitted) return store.transaction(run)
            const result = await store.transaction(async tables => {
                for (const guard of call.guards) await guard(tables)
                return run(tables)
            })
            call.isCommitted = true
            return result
        },
    }
}
