// The emulated chip: the documented errors of otaupgrade, and the boot loader's trial of a new firmware.

import { createOta } from "../../../host/board/engines/lua/ota"
import { otaImageDecode, otaImageEncode } from "../../../host/board/engines/lua/ota-image"
import { createOtaFiles } from "../../../host/board/engines/lua/ota-store"
import { makeFolder } from "../../board/board-fixture"
import { memoryOta, memoryStore } from "../../firmware/native-port"

const NEXT = otaImageEncode({ version: "2.0", program: 'print("two")' }, 5000)

/** Takes an image whole; "" where all went well. */
function take(ota: ReturnType<typeof createOta>, image: Buffer): string {
    for (const message of [ota.commence(), ota.write(image.subarray(0, 100)), ota.write(image.subarray(100))]) {
        if (message !== "") return message
    }
    return ota.complete()
}

const states = (ota: ReturnType<typeof createOta>): string => {
    const { running, next, partitions } = ota.info()
    return [running, next, ...partitions.map(({ state }) => state || "-")].join(" ")
}

test("a new firmware is new, then on trial, then left by the next start", () => {
    const ota = memoryOta()
    expect([ota.boot(), states(ota)]).toEqual(["", "ota_0 ota_0 - -"])
    expect([take(ota, NEXT), states(ota)]).toEqual(["", "ota_0 ota_1 - new"])
    expect([ota.boot(), states(ota)]).toEqual(['print("two")', "ota_1 ota_1 - testing"])
    expect(ota.commence()).toBe("can't upgrade from unconfirmed firmware")
    expect([ota.boot(), states(ota)]).toEqual(["", "ota_0 ota_0 - aborted"])
})

test("an accepted firmware stays, and can be left when there is another that was chosen before", () => {
    const ota = memoryOta()
    ota.boot()
    take(ota, NEXT)
    ota.boot()
    expect([ota.accept(), ota.boot(), states(ota)]).toEqual(["", 'print("two")', "ota_1 ota_1 - valid"])
    expect(ota.rollback()).toBe("no other firmware to roll back to")
    expect(take(ota, otaImageEncode({ version: "3.0", program: "" }))).toBe("")
    ota.boot()
    expect([ota.accept(), states(ota)]).toEqual(["", "ota_0 ota_0 valid valid"])
    expect([ota.rollback(), ota.boot(), states(ota)]).toEqual(["", 'print("two")', "ota_1 ota_1 invalid valid"])
})

test("without rollback in the boot loader a firmware is never on trial", () => {
    const ota = memoryOta({ hasRollback: false })
    ota.boot()
    take(ota, NEXT)
    expect(states(ota)).toBe("ota_0 ota_1 - undefined")
    ota.boot()
    expect([ota.boot(), states(ota)]).toEqual(['print("two")', "ota_1 ota_1 - undefined"])
})

test("the errors of each call", () => {
    const ota = memoryOta()
    ota.boot()
    expect(ota.write(NEXT)).toBe("write not possible, use otaupgrade.commence() first")
    expect(ota.complete()).toBe("no upgrade in progress")
    expect(ota.accept()).toBe("firmware accept failed")
    expect(ota.rollback()).toBe("ota error")
    ota.commence()
    expect(ota.complete()).toBe("empty firmware image")
    expect(ota.complete()).toBe("ota error")
    ota.commence()
    expect(ota.write(Buffer.from("no image"))).toBe("not a valid ota image")
    ota.write(NEXT.subarray(0, 3000))
    expect(ota.complete()).toBe("validation failed")
    ota.commence()
    ota.write(NEXT)
    expect(ota.write(Buffer.alloc(1_245_184))).toBe("ota error")
    expect(states(ota)).toBe("ota_0 ota_0 - -")
})

test("a chosen firmware that cannot be started gives way to the other one", () => {
    const store = memoryStore()
    const ota = createOta(store)
    ota.boot()
    take(ota, NEXT)
    store.erase("ota_1")
    expect([ota.boot(), ota.info().running]).toEqual(["", "ota_0"])
})

test("an image of a real chip has no program, and its hash is looked at where it says that it has one", () => {
    const real = Buffer.alloc(1000, 1)
    real[0] = 0xe9
    real[23] = 0
    expect(otaImageDecode(real)).toEqual({ version: "", program: "" })
    real[23] = 1
    expect(otaImageDecode(real)).toBeUndefined()
    expect(otaImageDecode(NEXT)).toEqual({ version: "2.0", program: 'print("two")' })
})

test("partitions in files outlive the process", () => {
    const folder = makeFolder()
    try {
        const ota = createOta(createOtaFiles(`${folder.path}/native`))
        ota.boot()
        take(ota, NEXT)
        const later = createOta(createOtaFiles(`${folder.path}/native`))
        expect([later.boot(), states(later)]).toEqual(['print("two")', "ota_1 ota_1 - testing"])
    } finally {
        folder.remove()
    }
})
