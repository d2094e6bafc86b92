/*-------------------------------------------------------------------------
 *
 * delivery.h
 *	  Sending an answer: whole, or in one of the ways that go wrong.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIM_DELIVERY_H
#define SIM_DELIVERY_H

#include "request.h"

/*
 * Sends request->answer in the way that its fault says.  MHD_NO tells MHD to
 * close the connection.
 */
extern enum MHD_Result sim_delivery_send(SimRequest *request);

#endif							/* SIM_DELIVERY_H */
