// The stage of NodeMCU boards in the built bundle: whatever the pieces, it holds the bytes that were put, and flash gets them.

import { createHash } from "node:crypto"
import fc from "fast-check"
import { createDisk, openFile } from "../../../host/board/engines/lua/disk"
import { createRig } from "../../firmware/core"
import { seededBytes } from "../../firmware/images"
import { startLuaCore, type LuaModule } from "./harness"

const BLOCK_BYTES = 4096
const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)
const SOURCE = seededBytes(3 * BLOCK_BYTES, 3).toString("latin1")

/** One thing that a test does: put a piece, or look at the first part of what is held (in thousandths). */
interface Step {
    readonly kind: "put" | "take" | "sha256" | "match"
    readonly from: number
    readonly lengthBytes: number
    readonly share: number
}

const steps = fc.array(
    fc.record({
        // Mostly pieces: their number is what the stage has a limit for.
        kind: fc.constantFrom<Step["kind"][]>("put", "put", "put", "put", "put", "put", "take", "sha256", "match"),
        from: fc.integer({ min: 0, max: 2 * BLOCK_BYTES }),
        lengthBytes: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 1500 })),
        share: fc.integer({ min: 0, max: 1000 }),
    }),
    { maxLength: 90, size: "max" },
)

const sha256 = (text: string): string => createHash("sha256").update(text, "latin1").digest().toString("latin1")

/** Programs the first part of the stage and reads it back: the rest of the unit stays erased. */
function throughFlash(flash: LuaModule, wanted: string): void {
    flash["erase"]!(BLOCK_BYTES)
    expect(flash["programStaged"]!(BLOCK_BYTES, wanted.length)).toBe(0)
    expect(flash["matchesStaged"]!(BLOCK_BYTES, wanted.length)).toBe(true)
    expect(flash["read"]!(BLOCK_BYTES, BLOCK_BYTES)).toBe(wanted.padEnd(BLOCK_BYTES, "\xff"))
}

function run(stage: LuaModule, flash: LuaModule, list: readonly Step[]): void {
    let held = ""
    stage["put"]!(0, "", 0, 0)
    for (const { kind, from, lengthBytes, share } of list) {
        const some = held.slice(0, Math.ceil((held.length * share) / 1000))
        if (kind === "put") {
            const piece = SOURCE.slice(from, from + Math.min(lengthBytes, BLOCK_BYTES - held.length))
            // A piece is cut out of a larger chunk, as in an image.
            stage["put"]!(held.length, SOURCE.slice(0, from + piece.length + share), from, from + piece.length)
            held += piece
        } else if (kind === "take") expect(stage["take"]!(some.length)).toBe(some)
        else if (kind === "sha256") expect(stage["sha256"]!(some.length)).toBe(sha256(some))
        else {
            throughFlash(flash, some)
            held = some
        }
    }
    expect(stage["sha256"]!(held.length)).toBe(sha256(held))
    throughFlash(flash, held)
}

test.each(["5.1", "5.3"] as const)("Lua %s", version => {
    console.info(`stage on Lua ${version}: SEED=${SEED}`)
    const rig = createRig({ appBytes: 32768, filesBytes: 16384, journalBytes: 65536 })
    const disk = createDisk(rig.flash)
    const { modules } = startLuaCore({
        version,
        open: name => openFile(disk, rig.layout.regions, name),
        clock: rig.clock,
        log: () => undefined,
        eraseBytes: BLOCK_BYTES,
        programBytes: 16,
    })
    const bytes = Array.from({ length: BLOCK_BYTES }, (_, from) => ({ kind: "put" as const, from, lengthBytes: 1, share: 0 }))
    fc.assert(
        fc.property(steps, list => run(modules["stage"]!, modules["flash"]!, list)),
        { seed: SEED, numRuns: 60, examples: [[bytes]] },
    )
})
