// Faults of a Lua board during an update: each ends in a status and a report, what runs is untouched, and the next try ends well.

import { UPDATE_RESTARTS_MAX } from "../../../firmware/constants"
import { STATUS_FLASH, STATUS_MEMORY, STATUS_NET, STATUS_NO_ROOM, STATUS_OK, STATUS_RESTARTED } from "../../../firmware/status"
import { until } from "../../board/board-fixture"
import { startServer, type AgentServer } from "../../firmware/agent-server"
import { packApp } from "./images"
import { createLuaBoard, installedFlash, LAYOUT, type LuaBoard, type OpenFile } from "./lua-board"
import { QUICK_CONFIG } from "./process-rig"

const LIMIT_MS = 100_000

/** What becomes of a file: writes fail as on a full file system, are lost in silence, or fail half-way; reads fail; or it is gone. */
type Harm = "full" | "silent" | "half" | "unreadable" | "gone"

interface Fault {
    readonly name: string
    readonly file: RegExp
    readonly harm: Harm
    /** Statuses that may be reported. */
    readonly mayBe: readonly number[]
}

const FAULTS: readonly Fault[] = [
    { name: "no room in the slot", file: /^app1/, harm: "full", mayBe: [STATUS_FLASH] },
    { name: "writes to the slot do not take", file: /^app1/, harm: "silent", mayBe: [STATUS_FLASH] },
    { name: "writes to the slot end half-way", file: /^app1/, harm: "half", mayBe: [STATUS_FLASH] },
    { name: "the slot cannot be read", file: /^app1/, harm: "unreadable", mayBe: [STATUS_FLASH] },
    { name: "the slot's file is gone", file: /^app1/, harm: "gone", mayBe: [STATUS_NO_ROOM] },
    { name: "no room in the journal", file: /^journal/, harm: "full", mayBe: [STATUS_FLASH] },
    { name: "the journal's file is gone", file: /^journal/, harm: "gone", mayBe: [STATUS_NO_ROOM] },
    { name: "no room in the other files area", file: /^files1/, harm: "full", mayBe: [STATUS_FLASH] },
    { name: "the boot record cannot be written", file: /^boot/, harm: "full", mayBe: [STATUS_FLASH] },
    { name: "the file system is full", file: /./, harm: "full", mayBe: [STATUS_FLASH] },
]

/** Files that fail while `isOn` says so. */
function harmed({ file: wanted, harm }: Fault, isOn: () => boolean): (plain: OpenFile) => OpenFile {
    return plain => name => {
        const file = plain(name)
        if (file === undefined || !wanted.test(name)) return file
        if (isOn() && harm === "gone") return undefined
        return {
            ...file,
            read: (offset, target) => (isOn() && harm === "unreadable" ? -1 : file.read(offset, target)),
            write(offset, source) {
                if (!isOn() || harm === "unreadable") return file.write(offset, source)
                if (harm === "half") file.write(offset, source.subarray(0, source.length >> 1))
                return harm === "silent" ? source.length : -1
            },
        }
    }
}

const images: Record<string, Buffer> = {}
const servers: AgentServer[] = []
const boards: LuaBoard[] = []
let breaking: [LuaBoard, AgentServer][] = []

beforeAll(async () => {
    images.first = await packApp({ version: "1.0.0" })
    images.next = await packApp({ version: "1.1.0", files: { "page.html": "new" } })
    images.short = await packApp({ version: "1.0.0", does: "starve" })
    images.falling = await packApp({ version: "1.0.0", does: "fall" })
    // Pauses between attempts come to half a minute: it passes while the other tests run.
    breaking = await Promise.all((["5.1", "5.3"] as const).map(startBreaking))
}, LIMIT_MS)
afterAll(async () => {
    for (const [board, server] of breaking) {
        board.stop()
        await server.close()
    }
})
afterEach(async () => {
    boards.splice(0).forEach(board => board.stop())
    await Promise.all(servers.splice(0).map(server => server.close()))
})

async function start(
    version: "5.1" | "5.3",
    open?: (plain: OpenFile) => OpenFile,
    image = images.first!,
): Promise<[LuaBoard, AgentServer]> {
    const server = await startServer()
    const files = {
        "device.json": '{"id":"f1","product":"p1"}',
        "config.json": JSON.stringify({ ...QUICK_CONFIG, builder: server.url }),
    }
    const board = createLuaBoard(installedFlash(image, files), version, open && { open })
    servers.push(server)
    boards.push(board)
    return [board, server]
}

/** A board whose downloads always break: after 6,000 bytes, then after one byte more each time. */
async function startBreaking(version: "5.1" | "5.3"): Promise<[LuaBoard, AgentServer]> {
    const [board, server] = await start(version)
    servers.pop()
    boards.pop()
    server.imageScript = (response, image, from) => {
        const range = { "Content-Range": `bytes ${from}-${image.length - 1}/${image.length}` }
        response.writeHead(from > 0 ? 206 : 200, { "Content-Length": image.length - from, ...(from > 0 && range) })
        response.write(image.subarray(from, from === 0 ? 6000 : from + 1), () => response.destroy())
    }
    server.offer(images.next!, "u1")
    board.board.powerOn()
    return [board, server]
}

const statuses = (server: AgentServer, update: string): number[] =>
    server
        .of("report")
        .filter(({ body }) => body.update === update)
        .map(({ body }) => body.status)

/** An update under a fault, then one without it. */
async function underFault(version: "5.1" | "5.3", fault: Fault): Promise<void> {
    let isOn = true
    const [board, server] = await start(
        version,
        harmed(fault, () => isOn),
    )
    const { offsetBytes, sizeBytes } = LAYOUT.regions.app0
    const slot = (): Buffer => Buffer.from(board.flash.array.subarray(offsetBytes, offsetBytes + sizeBytes))
    const before = slot()
    server.offer(images.next!, "u1")
    board.board.powerOn()
    await until(() => statuses(server, "u1").length > 0, `${fault.name}: a report`, LIMIT_MS)
    expect([fault.name, fault.mayBe.includes(statuses(server, "u1")[0]!), statuses(server, "u1")]).toEqual([
        fault.name,
        true,
        expect.anything(),
    ])
    expect([fault.name, slot().equals(before), board.version()]).toEqual([fault.name, true, "1.0.0"])
    isOn = false
    board.board.powerOff()
    server.offer(images.next!, "u2")
    board.board.powerOn()
    await until(() => statuses(server, "u2").length > 0, `${fault.name}: the end`, LIMIT_MS)
    expect([fault.name, ...statuses(server, "u2"), board.version()]).toEqual([fault.name, STATUS_OK, "1.1.0"])
    expect(board.lines.filter(line => /panic/.test(line))).toEqual([])
}

describe.each(["5.1", "5.3"] as const)("Lua %s", version => {
    test.each(FAULTS.map(fault => [fault.name, fault] as const))(
        "%s",
        async (_, fault) => {
            await underFault(version, fault)
        },
        LIMIT_MS,
    )

    test(
        "memory is short for a block: the download is given up, the next check-in goes on with it",
        async () => {
            const [board, server] = await start(version, undefined, images.short!)
            server.offer(images.next!, "u1")
            board.board.powerOn()
            await until(() => board.version() === "1.1.0" && statuses(server, "u1").length > 1, "an update", LIMIT_MS)
            expect(statuses(server, "u1")).toEqual([STATUS_MEMORY, STATUS_OK])
            expect(board.lines.filter(line => /panic/.test(line))).toEqual([])
            const ranges = server.of("image").map(({ range }) => range)
            expect([ranges[0], ranges[1]]).toEqual(["", expect.stringMatching(/^bytes=\d+-$/)])
        },
        LIMIT_MS,
    )

    test(
        "an app that throws whenever an image is ready: the board restarts, but not for ever",
        async () => {
            const [board, server] = await start(version, undefined, images.falling!)
            server.offer(images.next!, "u1")
            board.board.powerOn()
            await until(() => statuses(server, "u1").length > 0, "a report", LIMIT_MS)
            expect([statuses(server, "u1")[0], board.version()]).toEqual([STATUS_RESTARTED, "1.0.0"])
            // The first boot fetched the image, and each of the others began where it ended.
            expect(board.lines.filter(line => /^panic/.test(line))).toHaveLength(UPDATE_RESTARTS_MAX + 1)
        },
        LIMIT_MS,
    )
})

test(
    "a connection that always breaks: five more attempts, then a status and a report",
    async () => {
        for (const [board, server] of breaking) {
            await until(() => statuses(server, "u1").length > 0, "a report", LIMIT_MS)
            expect([statuses(server, "u1")[0], board.version()]).toEqual([STATUS_NET, "1.0.0"])
            // Once it was reported, a later check-in begins anew.
            const told = server.seen.findIndex(({ path, body }) => path === "report" && body.update === "u1")
            expect(server.seen.slice(0, told).filter(({ path }) => path === "image")).toHaveLength(6)
            // Half a minute in one boot: nobody's watchdog but the agent's is left.
            expect(board.causes).toEqual(["power"])
        }
    },
    LIMIT_MS,
)
