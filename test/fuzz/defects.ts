// Defects planted into the core's bundle one at a time: each takes away one check whose loss the fuzzer must notice.

import { compileCore } from "./board"
import { createFuzzer, firstFailure, TARGETS } from "./fuzz"

/** A defect as a replacement in the bundled source; `code` must be there exactly once. */
export interface Defect {
    readonly name: string
    readonly code: string | RegExp
    readonly instead: string
    /** The target whose inputs find it. */
    readonly target: string
}

const row = (target: string, name: string, code: string | RegExp, instead: string): Defect => ({ target, name, code, instead })

/** The defects. */
export const DEFECTS: readonly Defect[] = [
    row("zip", "an entry of any size", "if (entryBytes < 0 || entryBytes > IMAGE_BYTES_MAX) return STATUS_ZIP_LIMIT", ""),
    row("zip", "a name of any length", "nameBytes > ENTRY_NAME_BYTES_MAX", "false"),
    row("manifest", "a part larger than its slot", "part.sizeBytes > roomBytes", "false"),
    row("manifest", "a part of no whole bytes", "value >= 0 && value % 1 === 0", "value >= 0"),
    row("manifest", "a counter that wraps", "value.security > SECURITY_MAX", "false"),
    row("manifest", "an older counter", "if (counter < security) return STATUS_SECURITY", ""),
    row(
        "manifest",
        "null taken for a table",
        /(function isTable\(value\) \{\s+return typeof value === "object") && value !== null/,
        "$1",
    ),
    row(
        "signature",
        "a broken signature taken for a good one",
        "if (hasInvalid) return STATUS_SIGNATURE_INVALID",
        "if (hasInvalid) return SIGNATURE_GOOD",
    ),
    row(
        "signed",
        "signatures not asked for",
        "if (signatureIsWanted()) return signatureStart",
        "if (false) return signatureStart",
    ),
    row("image", "the running slot written to", "const appSlot = 1 - record.activeApp;", "const appSlot = record.activeApp;"),
    row("image", "data behind the end", "return fail(STATUS_TRAILING_DATA)", "return STATUS_DONE"),
    row("image", "a failed update that never ends", /function fail\(result\) \{\s+updaterAbort\(\);/, "function fail(result) {"),
    row("delta", "a copy from behind the base", /baseAt \+ numbers\[1\] > manifestParts\(\)\[index\d*\]\.baseBytes/, "false"),
    row(
        "delta",
        "a block longer than it may be",
        /if \(bytes === 0 \|\| bytes > leftBytes\d*\) return/,
        "if (bytes === 0) return",
    ),
    row("delta", "instructions without an end", "if (steps === DELTA_STEPS_MAX) return STATUS_DELTA_STEPS;", ""),
    row("delta", "numbers in several forms", "if (byte === 0 && weight > 1) return STATUS_DELTA_NUMBER;", ""),
    row(
        "delta",
        "a record that ends anywhere",
        /if \(journalPayloadAt\(index\d*, block\d* \+ 1\) !== payloadAt\) return STATUS_DELTA_END;/,
        "",
    ),
    row(
        "boot",
        "a slot number that is believed",
        "return sequenceOf(bytes) > 0 && isPair(bytes, ACTIVE_APP_AT) && isPair(bytes, ACTIVE_APP_AT + 2);",
        "return true;",
    ),
    row(
        "boot",
        "a slot that is not verified at boot",
        /return regionDigest\(ports\.app\[slot\], 0, lengthBytes\) === recordBytes\.substring\(digestAt\d*, digestAt\d* \+ DIGEST_BYTES\);/,
        "return true;",
    ),
    row("files", "records of any length", /end > region\d*\.sizeBytes/, "false"),
    row("answer", "a check-in that plans no other", "if (!isStopped) planRetry()", ""),
    row("download", "a download that nobody hears the end of", /downloadDone\d*\(status\d*\);/, ""),
]

const SEED = 20_261_120
const INPUTS_MAX = 6000

function planted({ name, code, instead }: Defect, source: string): string {
    const wanted = typeof code === "string" ? code : new RegExp(code, "g")
    const count = typeof wanted === "string" ? source.split(wanted).length - 1 : [...source.matchAll(wanted)].length
    if (count !== 1) throw new Error(`the code of "${name}" is there ${count} times; plant it anew`)
    return source.replace(code, instead)
}

/** What the fuzzer says of a core with this defect; undefined when it finds nothing. Throws when the defect cannot be planted. */
export function defectFound(defect: Defect): string | undefined {
    const fuzzer = createFuzzer(compileCore(source => planted(defect, source)))
    return firstFailure(
        fuzzer,
        SEED,
        INPUTS_MAX,
        TARGETS.find(({ name }) => name === defect.target)!,
    )?.message
}
