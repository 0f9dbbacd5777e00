// Command bench compares Leadgate with the HTTP stack alone and with what people
// write instead, on this machine and in the same run: see `make bench`.
//
// Its law: the ratios are the result. Subjects are started one after the other
// and driven with the same load, in turn, as often as -rounds says; the load
// generator, Redis and ClickHouse share the processors with them. What is
// measured is checked: a subject that lost or doubled a row did not win.
//
// With -growth it measures what must not grow instead: `make growth`. With
// -profile it takes profiles of the gateway under each load: `make profile`.
//
// Everything that it starts listens on the loopback interface, and ends with it.
package main
