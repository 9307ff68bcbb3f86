// What every fuzz target is: how an input is made, how the board takes it, and what must hold.

import * as status from "../../firmware/status"
import { FuzzFailure, type FuzzBoard } from "./board"
import type { Random } from "./random"

/** Something of the core that reads bytes from outside. */
export interface Target {
    readonly name: string
    /** Its share of all inputs. */
    readonly weight: number
    /** Inputs that are good, or nearly so: what mutations start from, and what the corpus holds. */
    seeds(): Buffer[]
    /** An input. */
    make(random: Random): Buffer
    /** Gives the input to a board. Throws FuzzFailure for a property that does not hold; whatever else is thrown is a failure, too. */
    run(board: FuzzBoard, input: Buffer, random: Random): void
}

const KNOWN = new Set<unknown>(Object.values(status).filter(value => typeof value === "number"))

/** Throws unless `condition` holds. */
export function must(condition: boolean, kind: string, message: string): void {
    if (!condition) throw new FuzzFailure(kind, message)
}

/** A status that the core returned: one of its own. Returns it. */
export function known(result: number): number {
    must(KNOWN.has(result), "status", `${result} is no status`)
    return result
}

/** The bytes of a JSON value. */
export const jsonBytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value) ?? "")
