// How statements reach PostgreSQL: prepared, with the database's failures turned into problems.

import { DatabaseError, type PoolClient, type Pool } from "pg"
import { Problem } from "../problems"
import { RETRY_AFTER_S } from "../limits"

/** Runs one statement and returns its rows. The text is a constant of the program; what varies goes into `values`. */
export type Query = <Row>(text: string, values?: readonly unknown[]) => Promise<Row[]>

/** SQLSTATE classes and codes that say: the database is away, starting, stopping or full (PostgreSQL manual, appendix A). */
const UNAVAILABLE = /^(08|53|57P0|25006|58)/
/** SQLSTATE codes that say: try the transaction again. */
const LOST_RACE = /^(40001|40P01)$/
/** SQLSTATE codes of text that no database of UTF-8 keeps: zero characters, halves of surrogate pairs. */
const NO_TEXT = /^(22021|22P05)$/
/** SQLSTATE of a broken unique constraint. */
const UNIQUE = "23505"
/** Codes and words by which sockets and the driver's pool say that there is no database. */
const NO_CONNECTION =
    /ECONN|ENOENT|EPIPE|EACCES|ETIMEDOUT|ENOTFOUND|terminated|timeout exceeded|Client has encountered|not queryable/

const names = new Map<string, string>()

/** A name for a prepared statement: one for each text. */
function statementName(text: string): string {
    const known = names.get(text)
    if (known !== undefined) return known
    const name = `s${names.size}`
    names.set(text, name)
    return name
}

/** The SQLSTATE of an error, "" when it has none. */
function sqlState(error: unknown): string {
    return error instanceof DatabaseError ? (error.code ?? "") : ""
}

/** Whether another transaction got in the way, so that the same work may succeed now. */
export function lostRace(error: unknown): boolean {
    const code = sqlState(error)
    return LOST_RACE.test(code) || code === UNIQUE
}

/** A failure as the rest of the cloud sees it: Problem `database_unavailable` or `request_invalid`, or the error itself. */
export function storeError(error: unknown): unknown {
    if (error instanceof Problem) return error
    const code = sqlState(error)
    if (NO_TEXT.test(code))
        return new Problem("request_invalid", "The request holds a zero character or half a surrogate pair. Leave it out.")
    const { code: cause = "", message = "" } = (error ?? {}) as NodeJS.ErrnoException
    const away = code === "" ? NO_CONNECTION.test(`${cause} ${message}`) : UNAVAILABLE.test(code)
    if (!away) return error
    return new Problem(
        "database_unavailable",
        `The database does not answer. Nothing was changed; try again in ${RETRY_AFTER_S} s.`,
    )
}

/** A Query on a pool or on one connection. */
export function queryOn(target: Pool | PoolClient): Query {
    return async <Row>(text: string, values: readonly unknown[] = []) => {
        const result = await target.query({ name: statementName(text), text, values: [...values] })
        return result.rows as Row[]
    }
}
