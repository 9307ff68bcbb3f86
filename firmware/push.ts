// Push by MQTT: a message on the board's own topic makes it check in now. It carries nothing else, so a forged one costs a check-in.

import { checkinNow } from "./agent"
import { least } from "./bytes"
import { deviceId } from "./checkin"
import {
    PUSH_CHECKIN_S,
    PUSH_CONNECT_TIMEOUT_S,
    PUSH_KEEPALIVE_S,
    PUSH_RETRY_S_FIRST,
    PUSH_RETRY_S_MAX,
    PUSH_STEADY_S,
} from "./constants"
import { elapsedMs } from "./elapsed"
import { ports, type Mqtt, type MqttOptions } from "./ports"
import { settingOf, settings, tokenIsGood } from "./settings"
import { STATUS_BUSY } from "./status"

/** Port of a broker (IANA: mqtt and secure-mqtt). */
const PORT = 1883
const PORT_SECURE = 8883
const PORT_MAX = 65535

// Set by pushStart.
let mqtt: Mqtt
let broker: MqttOptions
/** The topic that is configured; "" for the one that the device's id makes. */
let topicSet = ""
let isConnected = false
let connectedMs = 0
/** What the log was told last: a broker that stays away is worth one line. */
let told = ""
let connectTimer = 0
/** Seconds of the next pause, chance left out. */
let pauseS = PUSH_RETRY_S_FIRST
/** The timer of a check-in that a message has asked for, 0 for none. */
let checkinTimer = 0
let checkinMs = 0
let hasCheckedIn = false

// ---- settings ----------------------------------------------------------------------------------

/** The number of a port, 1–65535; 0 when the text is none. */
function portIn(text: string): number {
    let port = 0
    for (let index = 0; index < text.length; index += 1) {
        const digit = text.charCodeAt(index) - 48
        if (digit < 0 || digit > 9) return 0
        port = least(port * 10 + digit, PORT_MAX + 1)
    }
    return port > PORT_MAX ? 0 : port
}

/** `mqtt://HOST[:PORT]` or `mqtts://…`, taken apart; undefined when it is neither. */
function brokerOf(url: string): MqttOptions | undefined {
    const isSecure = url.substring(0, 8) === "mqtts://"
    if (!isSecure && url.substring(0, 7) !== "mqtt://") return undefined
    const place = url.substring(isSecure ? 8 : 7)
    const colon = place.indexOf(":")
    let host = place
    let port = isSecure ? PORT_SECURE : PORT
    if (colon >= 0) {
        host = place.substring(0, colon)
        port = portIn(place.substring(colon + 1))
    }
    if (port === 0 || !tokenIsGood(host) || host.indexOf("/") >= 0 || host.indexOf("@") >= 0) return undefined
    return { host, port, isSecure, clientId: "", user: "", password: "", keepaliveS: PUSH_KEEPALIVE_S }
}

function brokerIsGood(url: unknown): boolean {
    return typeof url === "string" && brokerOf(url) !== undefined
}

/** Whether `topic` names one topic: no wildcards, and nothing that a broker may refuse. */
function topicIsGood(topic: unknown): boolean {
    return tokenIsGood(topic) && (topic as string).indexOf("+") < 0 && (topic as string).indexOf("#") < 0
}

/** The topic of this board; "" while it has no id, or one that makes none. */
function topicOwn(): string {
    if (topicSet !== "") return topicSet
    const topic = "otary/" + deviceId() + "/checkin"
    return deviceId() !== "" && topicIsGood(topic) ? topic : ""
}

// ---- messages ----------------------------------------------------------------------------------

/** Asks for one check-in, however many messages come until it begins. */
function pushMessage(): void {
    if (checkinTimer !== 0) return
    let waitMs = 0
    if (hasCheckedIn) waitMs = PUSH_CHECKIN_S * 1000 - least(PUSH_CHECKIN_S * 1000, elapsedMs(checkinMs))
    checkinTimer = ports.clock.after(waitMs, pushCheckin)
}

function pushCheckin(): void {
    checkinTimer = 0
    checkinMs = ports.clock.upMs()
    hasCheckedIn = true
    // What the message is about may have come too late for the check-in that is under way: another one follows it.
    if (checkinNow() === STATUS_BUSY) pushMessage()
}

// ---- the connection ----------------------------------------------------------------------------

function pushTell(text: string): void {
    if (text !== told) ports.board.log("push: " + text)
    told = text
}

function pushConnect(): void {
    if (topicOwn() === "") {
        // A registration may still bring one.
        pushTell("no device id that makes a topic")
        return pushRetry()
    }
    broker.clientId = "otary-" + deviceId()
    connectTimer = ports.clock.after(PUSH_CONNECT_TIMEOUT_S * 1000, pushTimeout)
    mqtt.connect(broker, { onConnect: pushConnected, onMessage: pushMessage, onEnd: pushEnded })
}

function pushConnected(): void {
    ports.clock.cancel(connectTimer)
    isConnected = true
    connectedMs = ports.clock.upMs()
    pushTell("connected to " + broker.host)
    mqtt.subscribe(topicOwn())
}

function pushTimeout(): void {
    mqtt.close()
    pushEnded()
}

function pushEnded(): void {
    ports.clock.cancel(connectTimer)
    if (isConnected && elapsedMs(connectedMs) >= PUSH_STEADY_S * 1000) pauseS = PUSH_RETRY_S_FIRST
    isConnected = false
    pushTell("no connection to " + broker.host + ", trying again")
    pushRetry()
}

function pushRetry(): void {
    const waitS = pauseS + (ports.board.random() % pauseS)
    pauseS = least(pauseS * 2, PUSH_RETRY_S_MAX)
    ports.clock.after(waitS * 1000, pushConnect)
}

/**
 * Starts to listen; called once per boot, after agentStart, by images whose configuration has `mqtt`. The first connection comes when
 * the first check-in may come: a message must not commit what would crash in its first seconds.
 */
export function pushStart(port: Mqtt): void {
    const found = brokerOf(settingOf("mqtt.url", "", 0, 0, brokerIsGood, "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]") as string)
    if (found === undefined || !settings().isEnabled) return ports.board.log("push: no broker, or no cloud: no messages")
    mqtt = port
    broker = found
    broker.user = settingOf("mqtt.user", "", 0, 0, tokenIsGood, "1 to 256 visible ASCII characters") as string
    topicSet = settingOf("mqtt.topic", "", 0, 0, topicIsGood, "a topic without + and #") as string
    broker.password = settingOf("mqtt.password", "", 0, 0, tokenIsGood, "1 to 256 visible ASCII characters") as string
    ports.clock.after(settings().firstS * 1000, pushConnect)
}
