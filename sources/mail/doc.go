// Package mail reads leads from inbound e-mail: letters that people write, and
// notifications that forms and portals send about people.
//
// Its law: the lead is the person who asks, never the robot that reports it.
// What a mail says beyond that is kept as answers; nothing is thrown away for
// being unreadable.
package mail
