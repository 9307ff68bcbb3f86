// The parameter sets of LMS that Otary signs with and verifies: SHA-256 of RFC 8554, SHA-256/192 of RFC 9858 and SP 800-208.

/** Parameters of a tree of one-time keys. */
export interface LmsParams {
    readonly name: string
    /** Typecode of the tree (RFC 8554, 5.1; RFC 9858, section 4). */
    readonly lmsType: number
    /** Typecode of the one-time signature (RFC 8554, 4.1; RFC 9858, section 4). */
    readonly otsType: number
    /** Bytes of a hash, 24 or 32. */
    readonly hashBytes: number
    /** Levels of the tree; it has 2^height leaves, each for one signature. */
    readonly height: number
    /** Bits of a Winternitz digit. */
    readonly width: number
    /** Winternitz chains. */
    readonly chains: number
    /** Bits that the checksum is shifted left by. */
    readonly checksumShift: number
}

/** Heights by which trees are known. */
export const LMS_HEIGHTS = [5, 10, 15, 20, 25] as const
/** Bits of a Winternitz digit: more make signatures shorter and slower. */
export const LMS_WIDTHS = [1, 2, 4, 8] as const

/** Chains for the digest's digits and for the checksum's, and the checksum's shift (RFC 8554, appendix B). */
function chainsOf(hashBytes: number, width: number): { chains: number; checksumShift: number } {
    const digits = (8 * hashBytes) / width
    const checksumMax = (2 ** width - 1) * digits
    const checksumDigits = Math.ceil((Math.floor(Math.log2(checksumMax)) + 1) / width)
    return { chains: digits + checksumDigits, checksumShift: 16 - checksumDigits * width }
}

/** The parameter set with these sizes. Throws RangeError for sizes that no standard names. */
export function lmsParams(hashBytes: number, height: number, width: number): LmsParams {
    const heightAt = LMS_HEIGHTS.findIndex(known => known === height)
    const widthAt = LMS_WIDTHS.findIndex(known => known === width)
    if ((hashBytes !== 24 && hashBytes !== 32) || heightAt < 0 || widthAt < 0) {
        throw new RangeError(`no LMS parameter set has hashes of ${hashBytes} bytes, height ${height} and width ${width}`)
    }
    const isShort = hashBytes === 24
    return {
        name: `LMS_SHA256_M${hashBytes}_H${height}/LMOTS_SHA256_N${hashBytes}_W${width}`,
        lmsType: (isShort ? 10 : 5) + heightAt,
        otsType: (isShort ? 5 : 1) + widthAt,
        hashBytes,
        height,
        width,
        ...chainsOf(hashBytes, width),
    }
}

/** The parameter set of two typecodes; undefined when Otary does not know it, or when tree and one-time signature differ in their hash. */
export function lmsParamsOfTypes(lmsType: number, otsType: number): LmsParams | undefined {
    for (const hashBytes of [24, 32]) {
        for (const height of LMS_HEIGHTS) {
            for (const width of LMS_WIDTHS) {
                const params = lmsParams(hashBytes, height, width)
                if (params.lmsType === lmsType && params.otsType === otsType) return params
            }
        }
    }
    return undefined
}

/** Bytes of a signature: leaf, one-time signature, tree type, path (RFC 8554, 5.4). */
export function lmsSignatureBytes({ hashBytes, chains, height }: LmsParams): number {
    return 12 + hashBytes * (1 + chains + height)
}
