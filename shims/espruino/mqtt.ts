// MQTT 3.1.1 of an Espruino board over its module `net`: the engine brings no client, and this is as much as it takes to hear messages.

import { byteOf, least, u8 } from "../../firmware/bytes"
import type { Bytes, Mqtt, MqttListener, MqttOptions } from "../../firmware/ports"
import type { EspruinoNet, EspruinoSocket } from "./globals"

declare const setTimeout: (run: () => void, delayMs: number) => number
declare const setInterval: (run: () => void, periodMs: number) => number
declare const clearInterval: (id: number) => void
declare function require(name: "net" | "tls"): EspruinoNet

// Packet types, in the upper half of a packet's first byte (MQTT 3.1.1, 2.2.1).
const CONNACK = 2
const PUBLISH = 3
const SUBACK = 9
const PINGRESP = 13
/** Bytes that the length of a packet takes at most (2.2.3). */
const LENGTH_BYTES_MAX = 4
/** Most bytes of a message ahead of what it says: a topic that was subscribed, and its packet id. */
const HEAD_BYTES_MAX = 300
/** Most bytes of any other answer. */
const ANSWER_BYTES_MAX = 3
/** Return codes of a subscription from here on are refusals (3.9.3). */
const REFUSED = 128

/** Tells connections apart: an earlier one goes on for a turn after its end. */
let connection = 0
let isOpen = false
let socket: EspruinoSocket | undefined
let listener: MqttListener
/** The beginning of a packet that is not whole yet. */
let held = ""
/** Bytes of a message that are still to come: what it says is of no interest. */
let skipBytes = 0
let pingTimer = 0
/** Whether nothing came since the last ping. */
let isQuiet = false

/** A text with its length ahead (1.5.3). */
function field(text: Bytes): Bytes {
    return byteOf(text.length >>> 8) + byteOf(text.length) + text
}

/** A packet; its body has less than 16 KiB. */
function packet(first: number, body: Bytes): Bytes {
    const length = body.length
    if (length < 128) return byteOf(first) + byteOf(length) + body
    return byteOf(first) + byteOf((length & 127) | 128) + byteOf(length >>> 7) + body
}

/** CONNECT without "clean session" (3.1). */
function connectPacket(options: MqttOptions): Bytes {
    let flags = 0
    let fields = field(options.clientId)
    if (options.user !== "") {
        flags = 128
        fields = fields + field(options.user)
    }
    if (options.user !== "" && options.password !== "") {
        flags = 192
        fields = fields + field(options.password)
    }
    return packet(16, field("MQTT") + byteOf(4) + byteOf(flags) + byteOf(0) + byteOf(options.keepaliveS) + fields)
}

function mqttClose(): void {
    isOpen = false
    held = ""
    skipBytes = 0
    clearInterval(pingTimer)
    if (socket !== undefined) socket.clsNow = true
    socket = undefined
}

function end(): void {
    if (!isOpen) return
    mqttClose()
    listener.onEnd()
}

/** What no broker sends ends the connection. Returns 0: nothing is taken any more. */
function refuse(): number {
    end()
    return 0
}

function write(bytes: Bytes): void {
    if (socket !== undefined) socket.write(bytes)
}

function ping(): void {
    if (isQuiet) return end()
    isQuiet = true
    write(packet(192, ""))
}

/** The head of a message; it is acknowledged after it was handed out. Returns the bytes taken, 0 when more must come. */
function messageTake(topicAt: number, packetEnd: number): number {
    if (held.length < topicAt + 2) return 0
    const qos = (u8(held, 0) >>> 1) & 3
    const idAt = topicAt + 2 + u8(held, topicAt) * 256 + u8(held, topicAt + 1)
    const headEnd = qos > 0 ? idAt + 2 : idAt
    if (qos > 1 || headEnd > packetEnd || headEnd - topicAt > HEAD_BYTES_MAX) return refuse()
    if (held.length < headEnd) return 0
    skipBytes = packetEnd - headEnd
    listener.onMessage()
    if (qos > 0) write(packet(64, held.substring(idAt, headEnd)))
    return headEnd
}

function answerTake(type: number, body: Bytes): void {
    if (type === CONNACK && u8(body, 1) === 0) return listener.onConnect()
    if (type === SUBACK && u8(body, 2) < REFUSED) return
    if (type !== PINGRESP) end()
}

/** Takes the packet that begins what is held. Returns the bytes taken, 0 when more must come. */
function packetTake(): number {
    let at = 1
    let length = 0
    let factor = 1
    let byte = 128
    while (byte > 127) {
        if (at > LENGTH_BYTES_MAX) return refuse()
        if (at >= held.length) return 0
        byte = u8(held, at)
        length = length + (byte & 127) * factor
        factor = factor * 128
        at = at + 1
    }
    const type = u8(held, 0) >>> 4
    if (type === PUBLISH) return messageTake(at, at + length)
    if (length > ANSWER_BYTES_MAX) return refuse()
    if (held.length < at + length) return 0
    answerTake(type, held.substring(at, at + length))
    return at + length
}

function take(bytes: Bytes): void {
    isQuiet = false
    held = held + bytes
    while (isOpen) {
        const skipped = least(skipBytes, held.length)
        skipBytes = skipBytes - skipped
        held = held.substring(skipped)
        const taken = packetTake()
        if (taken === 0) return
        held = held.substring(taken)
    }
}

function open(options: MqttOptions, own: number): void {
    function gone(): void {
        if (own === connection) end()
    }

    try {
        const module = options.isSecure ? require("tls") : require("net")
        socket = module.connect({ host: options.host, port: options.port }, function () {
            if (own === connection) write(connectPacket(options))
        })
        socket.on("data", function (bytes) {
            if (own === connection && isOpen) take(bytes)
        })
        socket.on("error", gone)
        socket.on("close", gone)
        pingTimer = setInterval(ping, options.keepaliveS * 1000)
    } catch (error) {
        // No such host, no room for a socket, or no TLS.
        setTimeout(gone, 0)
    }
}

function mqttConnect(options: MqttOptions, newListener: MqttListener): void {
    mqttClose()
    connection = connection + 1
    isOpen = true
    isQuiet = false
    listener = newListener
    open(options, connection)
}

/** SUBSCRIBE with QoS 1; one packet id is enough for one topic. */
function mqttSubscribe(topic: string): void {
    write(packet(130, byteOf(0) + byteOf(1) + field(topic) + byteOf(1)))
}

/** The port. */
export const mqttPort: Mqtt = { connect: mqttConnect, subscribe: mqttSubscribe, close: mqttClose }
