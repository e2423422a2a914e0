//! The types that columns have, as JDBC and ODBC tell them apart.

use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};
use tonic::Status;

use crate::query::sql::Batch;

pub(super) fn type_info(asked: &CommandGetXdbcTypeInfo) -> Result<Batch, Status> {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    let quoted = Some("'".to_owned());
    for (name, data_type, sql_data_type, size) in [
        ("VARCHAR", XdbcDataType::XdbcVarchar, XdbcDataType::XdbcVarchar, None),
        ("BIGINT", XdbcDataType::XdbcBigint, XdbcDataType::XdbcBigint, Some(19)),
        ("INTEGER", XdbcDataType::XdbcInteger, XdbcDataType::XdbcInteger, Some(10)),
        ("DOUBLE", XdbcDataType::XdbcDouble, XdbcDataType::XdbcDouble, Some(53)),
        ("BOOLEAN", XdbcDataType::XdbcBit, XdbcDataType::XdbcBit, Some(1)),
        ("TIMESTAMP", XdbcDataType::XdbcTimestamp, XdbcDataType::XdbcDatetime, Some(26)),
        ("BYTEA", XdbcDataType::XdbcVarbinary, XdbcDataType::XdbcVarbinary, None),
    ] {
        let (is_text, is_time) = (data_type == XdbcDataType::XdbcVarchar, data_type == XdbcDataType::XdbcTimestamp);
        let is_number = matches!(data_type, XdbcDataType::XdbcBigint | XdbcDataType::XdbcInteger | XdbcDataType::XdbcDouble);
        let literal = if is_text || is_time { quoted.clone() } else { None };
        builder.append(XdbcTypeInfo {
            type_name: name.to_owned(),
            data_type,
            column_size: size,
            literal_prefix: literal.clone(),
            literal_suffix: literal,
            create_params: None,
            nullable: Nullable::NullabilityNullable,
            case_sensitive: is_text,
            searchable: if is_text { Searchable::Full } else { Searchable::Basic },
            unsigned_attribute: is_number.then_some(false),
            fixed_prec_scale: false,
            auto_increment: is_number.then_some(false),
            local_type_name: Some(name.to_owned()),
            minimum_scale: is_time.then_some(6),
            maximum_scale: is_time.then_some(6),
            sql_data_type,
            datetime_subcode: is_time.then_some(XdbcDatetimeSubcode::XdbcSubcodeTimestamp),
            num_prec_radix: is_number.then_some(if data_type == XdbcDataType::XdbcDouble { 2 } else { 10 }),
            interval_precision: None,
        });
    }
    let known = builder.build().map_err(Status::from)?;
    known.record_batch(asked.data_type).map_err(Status::from)
}
