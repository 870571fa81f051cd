// Package signature signs requests to pawaPay and verifies its signed answers
// and callbacks, by HTTP Message Signatures (RFC 9421) with Content-Digest
// (RFC 9530).
//
// Two things are pawaPay's own. The header Signature-Date stands beside the
// parameter created and is covered like any other. And its ECDSA signatures are
// ASN.1 DER as the usual libraries make them, where RFC 9421 has the two plain
// numbers side by side: a Verifier reads both, a Signer writes DER unless told
// otherwise.
package signature
