/** What is over one of these is not learned; docs/domain-names.md lists them. */

/** Queries without an answer that are remembered; of one pod, on the node. */
export const mostPendingQueriesOfPod = 4096;
export const mostPendingQueries = 65_536;
/** Milliseconds after which an answer comes too late: pods ask again after 2.5 or 5 s, three times at most. */
export const queryLifetime = 15_000;

/** Addresses of one name in one domain set, at a time, those in their grace included. */
export const mostAddressesOfName = 1024;
/** Addresses that the answers to one pod have brought into domain sets, at a time. */
export const mostAddressesOfPod = 2048;
/** In one domain set, of both families together: the kernel's have room for 4,096 of each. */
export const mostAddressesOfSet = 4000;
/** In all domain sets of the node. */
export const mostAddresses = 65_536;

/** Connections by TCP to resolvers that are followed: of one pod, on the node. */
export const mostStreamsOfPod = 64;
export const mostStreams = 2048;
/** Milliseconds without a packet after which one is forgotten. */
export const streamLifetime = 60_000;
/** Of one direction of one: bytes of messages and segments that came too early, and how many of these. */
export const mostStreamBytes = 128 * 1024;
export const mostEarlySegments = 64;
/** Of all that one pod's connections wait with, and of the node's: a pod can begin connections that never end a message. */
export const mostStreamBytesOfPod = 1024 * 1024;
export const mostStreamBytesOfNode = 16 * 1024 * 1024;
